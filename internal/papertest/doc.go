// Package papertest follows a runbook's Markdown by hand: it types every block into a real bash, in order, as its text
// says, on the hosts of a simulated world. A program that a block calls on a host runs in the world; the shell and its
// text tools (awk, grep, sort, diff) are this machine's. What is typed on the operator's own machine runs here, but for
// ssh and scp.
package papertest
