"""A user's own videos, folders of frames and arrays."""

from tfvp.data.user_videos.config import UserVideosData as SECTION

__all__ = ["SECTION"]
