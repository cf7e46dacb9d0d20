//go:build tools

// Package controlplane names the programs of the control plane that tests run against, so that go.mod and go.sum cover
// all that they are built from. etcd has its own module beside this one: its requirements are not Kubernetes'.
package controlplane

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
)
