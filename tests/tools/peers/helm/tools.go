//go:build tools

// Package helm names the helm program that charts are compared with.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
