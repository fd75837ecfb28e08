"""Azure on one machine: Resource Manager, Entra and Blob Storage behind their real host names.

Its behaviour is taken from Azure's documentation, or from recorded traffic of real Azure: the recordings that ship in
github.com/Azure/azure-service-operator/v2 v2.13.0. Comments say which.
"""
