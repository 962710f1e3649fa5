package upgrade

import (
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
)

// ownAgents are the files of the agents that mount targets and import pools.
var ownAgents = []string{"Target", "Lustre", "ZFS"}

// mounts tells whether a process mounts or unmounts something, by its arguments. What cannot be told is a yes.
func mounts(args []string) bool { return pair.Mounting(args, ownAgents...) }

// meant are the targets that a process which mounts has to do with: those that it names. any is false where it has to
// do with none: a mount of something else, and no more.
func (d departure) meant(words []string, args string) (named map[string]bool, any bool) {
	named = map[string]bool{}
	elsewhere := pair.MountedElsewhere(words)
	for _, t := range d.Targets {
		for _, name := range []string{t.Mount, t.Device, t.Pool, t.UUID} {
			if name != "" && strings.Contains(args, name) {
				named[t.Resource] = true
			}
		}
		for _, dir := range elsewhere {
			if strings.HasPrefix(t.Mount, strings.TrimSuffix(dir, "/")+"/") { // -R unmounts what is mounted below, too
				named[t.Resource] = true
			}
		}
	}
	return named, len(named) > 0 || len(elsewhere) == 0
}
