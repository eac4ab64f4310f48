"""Health data of people: written without showing what stood there, opened only through the gate."""
