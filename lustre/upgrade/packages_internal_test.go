package upgrade

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is looked for after an installation is what it names; a command that names nothing is an error, and not a list of packages.
func TestPackagesOfACommand(t *testing.T) {
	n := &node{Pair: &Pair{Config: Config{Kernel: "3.10"}}}
	for _, verb := range []string{"install", "erase"} {
		names, err := n.packagesOf([]string{"yum", "-y", verb, "kernel-3.10", "zfs"})
		require.NoError(t, err)
		require.Equal(t, []string{"kernel", "zfs"}, names)
	}
	for _, argv := range [][]string{{"yum", "-y", "update"}, {"yum", "-y", "localinstall", "zfs"}, {"yum", "install"}} {
		names, err := n.packagesOf(argv)
		require.ErrorContains(t, err, "names no package")
		require.Empty(t, names)
	}
}
