package evenkeel_test

import (
	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// leasable gives every host a simulated lease file.
func leasable(hosts evenkeel.HostMap) evenkeel.HostMap {
	out := evenkeel.HostMap{}
	for name, r := range hosts {
		out[name] = sshexec.WithSimLease(name, &sshexec.SimLease{}, r)
	}
	return out
}
