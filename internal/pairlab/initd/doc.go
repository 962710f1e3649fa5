// Package initd is PID 1 of a lab's node, and the systemctl that talks to it: the part of systemd that a cluster needs,
// and no more. It reads the unit files that Debian's packages bring (systemd.service(5)), so a daemon starts, tells
// that it is ready, restarts and stops as its own unit says: Type=notify by the real protocol (sd_notify(3)), Requires=
// and PartOf=, KillMode=process and mixed, Restart=on-failure with its limits. Everything it starts is its child, so
// nothing is looked up in a pid file. There is no D-Bus, no journal, no cgroup and no other kind of unit than a
// service.
//
// It also is the node's console: who holds the node's /run/lab/init.sock runs a command without any network.
package initd
