//go:build tools

// Package kustomize names the kustomize program that kustomizations are compared with.
package kustomize

import _ "sigs.k8s.io/kustomize/kustomize/v5"
