"""How the service's commands grow with the number of trainings."""
