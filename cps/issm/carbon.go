package issm

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// clearWhisperScript removes whisper files that are older than 90 days (cps:560).
const clearWhisperScript = "/var/qps/install/current/puppet/modules/qps/templates/etc/whisper/clear_wsp_files.sh"

var factCarbon = evenkeel.NewFact[string]("carbon.estimate", "how long the copying of Grafana's data takes, by the guide's measure")

// whisperStep clears old statistics where that is asked for, and estimates how long the copying of the rest takes (cps:556-560).
func (m *Migration) whisperStep() evenkeel.Step {
	step := evenkeel.Step{
		ID: "whisper", Title: "Estimate how long Grafana's data are copied", Host: m.ofClass(2, "pcrfclient")[0], Ref: "cps:556-560",
		Makes:    []evenkeel.FactKey{factCarbon},
		Harmless: "the estimate changes nothing",
	}
	if m.cfg.ClearWhisper {
		step.Title = "Clear old statistics, and estimate how long the rest is copied"
		step.Harmless = "the statistics that it deletes are older than 90 days; nothing needs them"
		for n := 2; n >= 1; n-- {
			for _, vm := range m.ofClass(n, "pcrfclient") {
				step.Actions = append(step.Actions, evenkeel.Do("clear-"+vm, "Delete whisper files older than 90 days on "+vm, clearWhisperScript).
					On(vm).From("cps:560").Timeout(2*time.Hour))
			}
		}
	}
	step.Actions = append(step.Actions, m.carbonAction())
	return step
}

// carbonAction estimates the copying from the size of the whisper files. What does not fit into the time that "enable set"
// has would end it half-way.
func (m *Migration) carbonAction() evenkeel.Action {
	limit := m.cfg.enableTime()
	most := cps.CarbonWithin(limit)
	du := steps.WithTimeout(sshexec.Command(sshexec.ReadOnly, "du", "-sk", cps.CarbonPath), time.Hour)
	read := func(o evenkeel.Observed) (int64, error) {
		kb, err := cps.ParseDiskUsage(steps.Output("du -sk", o.Result))
		return kb, errors.Join(o.Succeeded(), err)
	}
	return evenkeel.Action{
		ID:    "carbon",
		Paper: steps.Prints(du, fmt.Sprintf("| awk '{ print ($1 <= %d ? \"it fits\" : \"it does NOT fit: \" $1) }'", most), "it fits"),
		Makes: []evenkeel.Make{factCarbon.From(func(o evenkeel.Observed) (string, error) {
			kb, err := read(o)
			return carbonEstimate(kb), err
		}).Typed(evenkeel.Typed(du) +
			` | awk '{ printf "%.1f GB: %.1f to %.1f hours", $1 / 1048576, $1 / 1048576 * 15 / 55, $1 / 1048576 * 20 / 55 }'`)},
		Change: evenkeel.Change{
			Title: "Note the size of the whisper files", Host: m.ofClass(2, "pcrfclient")[0], Ref: "cps:558", Cmd: du,
			Note: "55 GB take 15 to 20 hours, depending on the network (cps:558).",
			Expect: evenkeel.Expect{
				Text: fmt.Sprintf("at most %.1f GB: they are copied within %s, which is what \"enable set\" may take", gigabytes(most), hours(limit)),
				Check: func(o evenkeel.Observed) error {
					kb, err := read(o)
					if err == nil && kb > most {
						err = fmt.Errorf("the whisper files are too many to be copied within %s: %s. Delete old ones (clear_whisper: true), "+
							"or leave the history behind (skip_carbon: true)", hours(limit), carbonEstimate(kb))
					}
					return err
				},
			},
		},
	}
}

// carbonTakes is what the guide says of the time that "enable set" takes: how long it copies Grafana's data (cps:558).
func (c Config) carbonTakes() evenkeel.Estimate {
	if c.SkipCarbon {
		return evenkeel.Estimate{}
	}
	kb, whose := int64(c.WhisperGB*(1<<20)), fmt.Sprintf("for %g GB of whisper files (whisper_gb) by its measure", c.WhisperGB)
	if kb <= 0 {
		kb, whose = 55<<20, "for its example of 55 GB of whisper files; whisper_gb states how many yours are"
	}
	least, most := cps.CarbonSync(kb)
	return evenkeel.Estimate{Least: least, Most: most, Part: true, From: "the guide (cps:558), " + whose}
}

func gigabytes(kb int64) float64 { return float64(kb) / (1 << 20) }

func hours(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Hours()), ".0") + " hours"
}

// carbonEstimate is the estimate for the reader.
func carbonEstimate(kb int64) string {
	least, most := cps.CarbonSync(kb)
	return fmt.Sprintf("%.1f GB: %.1f to %.1f hours", gigabytes(kb), least.Hours(), most.Hours())
}
