//go:build tools

// Package etcd names the store of the control plane that tests run against.
package etcd

import _ "go.etcd.io/etcd/server/v3"
