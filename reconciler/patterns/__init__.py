"""Regular expressions of Argo CD's objects, evaluated in worker processes."""
