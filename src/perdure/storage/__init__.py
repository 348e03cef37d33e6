"""Rows and the queries over them: one module per noun, portable SQL in `queries`, and the drivers.

Decisions do not live here. Start with `interface`, the two protocols every driver implements, and `opening`, the only
module that imports a driver.
"""
