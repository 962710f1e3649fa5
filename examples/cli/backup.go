package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/evenkeel-ha/evenkeel"
)

// Saved is a backup that was taken and found good.
type Saved struct {
	Host   string `json:"host"`
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`             // in bytes
	Copy   string `json:"copy,omitempty"`   // host:path of a copy that was read back
	Notes  []Note `json:"notes,omitempty"`  // what the operator should know of it
	Absent []Note `json:"absent,omitempty"` // what the machine does not have and need not have
}

// InputError is a mistake in what a backup was asked for: nothing was touched.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// Note is a remark on one file of a backup.
type Note struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// BackupRequest says what to back up.
type BackupRequest struct {
	Config *Config
	Hosts  evenkeel.Hosts
	Now    func() time.Time
	CopyTo string // host:/directory for a second copy; empty for none
}

func (a *App) backupCommand() *cobra.Command {
	var config, copyTo, format string
	c := a.Command(&cobra.Command{
		Use: "backup", Short: "Take the backups that the job needs, and read them again", GroupID: GroupPrepare,
		Long: `Take the backups now, read them again, and say whether the job finds all that it needs in them. Nothing is changed on
the machines; the first Ctrl-C ends it.`,
		Example: "  TOOL backup --config config.yaml\n  TOOL backup --config config.yaml --copy-to vault:/srv/backups -o json",
	}, func(ctx context.Context, _ []string) (int, error) { return a.backup(ctx, config, copyTo, format) })
	configFlag(c, &config)
	c.Flags().StringVar(&copyTo, "copy-to", "", "copy the backups to `HOST:/DIR`, too, and read them back there")
	OutputFlag(c, &format, "text", "json", "yaml")
	JSONFlag(c.Flags())
	return c
}

func (a *App) backup(ctx context.Context, config, copyTo, format string) (int, error) {
	cfg, err := a.Read(config)
	if err != nil {
		return ExitInput, err
	}
	if host, dir, ok := strings.Cut(copyTo, ":"); copyTo != "" && (!ok || host == "" || !strings.HasPrefix(dir, "/")) {
		return ExitInput, fmt.Errorf("--copy-to %q is not host:/directory", copyTo)
	}
	h := connect(cfg)
	defer h.Close()
	within, err := a.within(h)
	if err != nil {
		return ExitInput, err
	}
	far, _, _ := strings.Cut(copyTo, ":") // what keeps the copies may be a machine of any kind
	machines := slices.DeleteFunc(slices.Collect(maps.Keys(cfg.Hosts)), func(name string) bool { return name == far })
	if err := h.ready(ctx, machines); err != nil {
		return ExitFailed, err
	}
	ctx, done := interruptible(ctx) // a backup changes nothing: the first interrupt ends it
	defer done()
	saved, err := a.Backup(ctx, BackupRequest{Config: cfg, Hosts: within, Now: h.Clock().Now, CopyTo: copyTo})
	_, lost := a.Answer(format, append([]Saved{}, saved...), func() string { return savedText(saved) })
	if input := (*InputError)(nil); errors.As(err, &input) {
		return ExitInput, err
	}
	err = errors.Join(err, lost)
	return exitCode(err), err
}

// savedText is the report for people.
func savedText(saved []Saved) string {
	var b strings.Builder
	for _, s := range saved {
		fmt.Fprintf(&b, "%s: %s\n  %-10s %d bytes\n  %-10s %s\n", s.Host, s.File, "size", s.Size, "sha256", s.SHA256)
		if s.Copy != "" {
			fmt.Fprintf(&b, "  %-10s %s, read back\n", "copy", s.Copy)
		}
		for _, n := range s.Absent {
			fmt.Fprintf(&b, "  %-10s %s\n", "absent", n.Path)
		}
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "  %-10s %s: %s\n", "note", n.Path, n.What)
		}
	}
	if len(saved) > 0 {
		b.WriteString("These are no backups of whole systems: they hold what the job rests on, and are worth " +
			"taking as a matter of routine.\n")
	}
	return b.String()
}
