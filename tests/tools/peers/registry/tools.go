//go:build tools

// Package registry names the OCI registry that tests push to and pull from.
package registry

import _ "github.com/distribution/distribution/v3/cmd/registry"
