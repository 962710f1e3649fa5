package maintenance_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps/cpstest"
	"github.com/evenkeel-ha/evenkeel/cps/maintenance"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/change"
)

// numbering notes all that is sent to a simulated cluster.
type numbering struct {
	simulated
	sent *[]string
}

func (w numbering) Runner(host string) (sshexec.Runner, error) {
	r, err := w.simulated.Runner(host)
	return sshexec.RunnerFunc(func(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
		first, _, _ := strings.Cut(strings.Join(cmd.Argv, " "), "\n") // of a script: further down stand names that each life draws anew
		if job, is := sshexec.SimJobStart(cmd); is {
			first = "a job: " + job.Cmd.String()
		}
		*w.sent = append(*w.sent, host+": "+first)
		return r.Run(ctx, cmd)
	}), err
}

func (w numbering) Dial(ctx context.Context, host, address string) (change.Conn, error) {
	conn, err := w.simulated.Dial(ctx, host, address)
	return numberingConn{conn, address, w.sent}, err
}

type numberingConn struct {
	change.Conn
	address string
	sent    *[]string
}

func (c numberingConn) Send(ctx context.Context, d change.Doc) (string, error) {
	*c.sent = append(*c.sent, c.address+": "+d.Text)
	return c.Conn.Send(ctx, d)
}

// TestTheSameCommandsEachTime: a rehearsal numbers the commands of a runbook, so that each play of it must send the same ones in the same
// order.
func TestTheSameCommandsEachTime(t *testing.T) {
	undo, err := maintenance.UndoPatch(maintenance.PatchConfig{Applied: "Patch_1_19.4.0"}, hosts(t))
	require.NoError(t, err)
	plain := deploy(t, cpstest.Options{})
	monitored := deploy(t, cpstest.Options{Monitored: true})
	plays := 20
	if testing.Short() {
		plays = 4
	}
	for name, tt := range map[string]struct {
		rb *evenkeel.Runbook
		w  simulated
	}{
		"patch":      {applying(t, maintenance.PatchConfig{}), plain},
		"undo patch": {undo, deploy(t, cpstest.Options{Patched: "Patch_1_19.4.0"})},
		"restart":    {restartingAll(t), plain},
		"priorities": {prioritised(t, saved(t, plain)), plain},
		"recover":    {recovering(t, maintenance.RecoverConfig{}), stuck(t)},
		"keys":       {changing(t, true, maintenance.KeysConfig{}), keyed(t, true, cpstest.KeyOptions{})},
		"endpoints":  {restoring(t, true), down(t, plain.Clone().(simulated), "9092", "9093", "9094")}, //nolint:forcetypeassert // it is one
		"monitoring": {monitoringOff(t, monitored), monitored},
	} {
		t.Run(name, func(t *testing.T) {
			var first []string
			for range plays {
				w := numbering{tt.w.Clone().(simulated), new([]string)} //nolint:forcetypeassert // it is one
				opts := options(w.simulated, &evenkeel.MemJournal{})
				opts.Serial, opts.RunID = true, "play"
				_, err := evenkeel.Run(t.Context(), tt.rb, w, opts)
				require.NoError(t, err)
				if first == nil {
					first = *w.sent
				}
				require.Equal(t, first, *w.sent)
			}
			require.NotEmpty(t, first)
		})
	}
}
