// Package wire holds what the parts of a lab say to each other, and the words they say it in: the owner to the
// supervisor, a node to its hardware (/run/lab/hw.sock), the supervisor and systemctl to a node's PID 1. Every
// conversation is one JSON object on a line each way, over a unix stream socket.
package wire
