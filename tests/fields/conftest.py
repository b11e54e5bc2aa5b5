from tests.shapes.desk import desk

__all__ = ["desk"]
