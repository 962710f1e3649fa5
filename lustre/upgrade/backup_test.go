package upgrade_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// BAK-006: the backup of a node is looked at once more right before that node goes down: one that was damaged or lost
// since it was checked stops the run while the node is still as it was. Put right, the run goes on.
func TestBackupLostBeforeTheNodeGoesDown(t *testing.T) {
	for name, lose := range map[string]func(file string) error{
		"damaged": func(file string) error { return os.Truncate(file, 100) },
		"gone":    os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			p := newScene(t, lustretest.Options{}, nil).play(t)
			var file string
			var saved []byte
			p.watch = func(e evenkeel.Event) {
				if file != "" || e.Kind != evenkeel.EventDone || e.Action.ID != "check" || e.Step.ID != "backup-node1" {
					return
				}
				found, err := filepath.Glob(filepath.Join(p.dir, "bck-*.tgz"))
				require.NoError(t, err)
				file = found[0]
				saved, err = os.ReadFile(file)
				require.NoError(t, err)
				require.NoError(t, lose(file))
			}
			err := p.run()
			var step *evenkeel.StepError
			require.ErrorAs(t, err, &step)
			require.Equal(t, "shutdown-node1/backup", step.Step+"/"+step.Action)
			require.Contains(t, p.sh(lustretest.Node1, "cat /etc/redhat-release"), "release 6", "node 1 still runs")
			require.NoError(t, p.w.Check())
			require.NoError(t, os.WriteFile(file, saved, 0o600))
			require.NoError(t, p.resume())
		})
	}
}
