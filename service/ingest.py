"""x"""
from __future__ import annotations
from dataclasses import dataclass
MEDIA_TYPES=("application/json","text/csv")
@dataclass
class Content: media_type:str; body:bytes
