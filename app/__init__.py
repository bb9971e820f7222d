"""The desktop program. It knows the engine; the engine never knows it."""
