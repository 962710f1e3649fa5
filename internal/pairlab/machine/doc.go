// Package machine is what stands around the two nodes of a lab: their power, their cables, the storage that both are
// cabled to, and the record of what really happened.
//
// [Supervise] is PID 1 of a pid namespace, with a network, mount, uts and ipc namespace of its own. It holds two
// bridges (the rings of the cluster), one of them linked to the machine outside, and a tmpfs with the nodes' disks. A
// node is a child in namespaces of its own ([BootNode]), whose root is an overlay of its disk over the image. When the
// supervisor ends, however it ends, the kernel ends all of it: processes, mounts, links and namespaces.
package machine
