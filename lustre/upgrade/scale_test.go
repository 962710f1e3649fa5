package upgrade_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
)

// BenchmarkTargets plans and runs the upgrade of pairs of many targets, in this process: for a profile. What the binary
// takes TestScale of examples/lustre-hapair measures.
func BenchmarkTargets(b *testing.B) {
	for _, n := range []int{16, 64, 256} {
		s := newScene(b, lustretest.Options{OSTs: n - 2}, nil)
		b.Run(fmt.Sprintf("plan of %d", n), func(b *testing.B) {
			for b.Loop() {
				p, err := upgrade.Load(s.pair.Config)
				require.NoError(b, err)
				_, err = p.Runbook()
				require.NoError(b, err)
			}
		})
		b.Run(fmt.Sprintf("run of %d", n), func(b *testing.B) {
			for b.Loop() {
				p := s.play(b)
				require.NoError(b, p.run())
				require.NoError(b, p.w.Check())
			}
		})
	}
}
