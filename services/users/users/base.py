"""The base of all tables of users."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from chassis.data.database import NAMING


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
