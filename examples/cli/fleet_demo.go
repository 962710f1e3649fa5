package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel"
)

// servedFleet are simulated pairs, each a world of its own, and the fleet file that leads to them.
type servedFleet struct {
	file  string
	pairs []*served
}

// serveFleet serves n pairs out of folders in a directory, and writes a fleet file beside them.
func (a *App) serveFleet(ctx context.Context, into string, n int) (*servedFleet, error) {
	into, err := filepath.Abs(into)
	if err != nil {
		return nil, err
	}
	f := &servedFleet{file: filepath.Join(into, "fleet.yaml")}
	if _, err := os.Lstat(f.file); err == nil {
		return nil, occupied(f.file)
	}
	if err := os.MkdirAll(filepath.Join(into, "journals"), 0o700); err != nil {
		return nil, err
	}
	file := fleetFile{Name: "simulated fleet", Limit: 3, Failures: 2, Waves: []fileWave{{Name: "canary", Soak: time.Second, Confirm: true},
		{Name: "rest"}}, Apart: []fileApart{{Label: "system"}}}
	for i := range n {
		one := fileMember{Name: fmt.Sprintf("pair-%d", i+1), Wave: "rest", Labels: map[string]string{"system": fmt.Sprintf("s%d", i%2+1)}}
		if i == 0 {
			one.Wave = "canary"
		}
		one.Config = filepath.Join(one.Name, "config.yaml")
		file.Pairs = append(file.Pairs, one)
		world, err := a.serve(ctx, filepath.Join(into, one.Name), "")
		if err == nil {
			f.pairs = append(f.pairs, world)
			err = a.journalIn(world.ConfigFile, filepath.Join("..", "journals", one.Name+".jsonl"))
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
	if n == 1 {
		file.Waves = file.Waves[:1]
	}
	raw, err := yaml.Marshal(file)
	if err == nil {
		err = WriteNew(f.file, raw)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// journalIn has a configuration name another journal.
func (a *App) journalIn(config, journal string) error {
	cfg, err := a.Read(config)
	if err != nil {
		return err
	}
	cfg.Journal = journal
	return cfg.Write(config)
}

// Close ends the worlds.
func (f *servedFleet) Close() {
	for _, s := range f.pairs {
		s.Close()
	}
}

// mains is a world in which a machine can lose its power, and a person mends what that broke.
type mains interface {
	PowerLoss(host string)
	Mend()
}

// cutPower takes the power from the first machine of a pair at its n-th command, which is lost with it. It tells which machine that will
// be; empty where the world knows no power.
func (s *served) cutPower(n int) string {
	world, can := s.world.(mains)
	if !can {
		return ""
	}
	host := s.world.Machines()[0]
	s.hold.ask("before", n, "", 1)
	reached := s.hold.waits()
	go func() {
		<-reached
		world.PowerLoss(host)
		s.hold.release()
	}()
	return host
}

// fleetSize declares --pairs.
func fleetSize(c *cobra.Command, n *int) {
	*n = 4
	c.Flags().Var(Parsed{"N", func(text string) error {
		if _, err := fmt.Sscanf(text+"\n", "%d\n", n); err != nil || *n < 1 || *n > 100 {
			return errors.New("a number from 1 to 100 is needed")
		}
		return nil
	}}, "pairs", "how many pairs; 4 without it")
}

func (a *App) fleetSimulateCommand() *cobra.Command {
	var into string
	var n int
	c := a.Command(&cobra.Command{
		Use: "simulate", Short: "Serve a fleet of simulated pairs over SSH, to try the fleet's commands on",
		Long: `Serve simulated pairs over SSH until Ctrl-C, each a world with a clock of its own, and write the fleet file that leads to
them.`,
		Example: "  TOOL fleet simulate --into ./worlds\n  TOOL fleet run ./worlds/fleet.yaml     (in another terminal)",
	}, func(ctx context.Context, _ []string) (int, error) {
		ctx, done := interruptible(ctx)
		defer done()
		if into == "" {
			var err error
			if into, err = os.MkdirTemp("", a.word()+"-fleet-"); err != nil {
				return ExitFailed, err
			}
		}
		f, err := a.serveFleet(ctx, into, n)
		if err != nil {
			return ExitInput, err
		}
		defer f.Close()
		_, _ = fmt.Fprintf(a.Stdout, "The simulated pairs are served until this process ends. Carry them out with:\n%s\n",
			a.fleetCommandLine("run", f.file))
		<-ctx.Done()
		return ExitStopped, evenkeel.ErrStopped
	})
	folderFlag(c, &into, "into", "", "write all files into this `DIR`; without it into a new one")
	fleetSize(c, &n)
	return c
}

func (a *App) fleetDemoCommand() *cobra.Command {
	var n int
	r := &fleetRun{app: a}
	c := a.Command(&cobra.Command{
		Use: "demo", Short: "Carry out a fleet of simulated pairs: fleet simulate and fleet run in one",
		Long: `Carry out a fleet of simulated pairs, served over real SSH on this machine. Where the simulated machines have power to lose, one of
the last pair loses it in the middle: that pair fails and the others go on; then the operator gives the power back, and the fleet
is resumed.`,
		Example: "  TOOL fleet demo --pairs 6",
	}, func(ctx context.Context, _ []string) (int, error) { return r.demo(ctx, n) })
	fleetSize(c, &n)
	c.Flags().BoolVarP(&r.verbose, "verbose", "v", false, "say more")
	return c
}

// demo serves a fleet and carries it out.
func (r *fleetRun) demo(ctx context.Context, n int) (int, error) {
	a := r.app
	into, err := os.MkdirTemp("", a.word()+"-fleet-demo-")
	if err != nil {
		return ExitFailed, err
	}
	f, err := a.serveFleet(ctx, into, n)
	if err != nil {
		return ExitInput, errors.Join(err, os.RemoveAll(into))
	}
	defer f.Close()
	r.path = f.file
	_, _ = fmt.Fprintf(a.Stdout, "%s, each a world of its own, served over real SSH on loopback; all files are in %s\n",
		counted(n, "simulated pair", "simulated pairs"), into)
	last := f.pairs[n-1]
	host := ""
	if n > 1 {
		host = last.cutPower(powerAt)
	}
	code, err := r.carryOut(ctx, false, false, false)
	if host != "" && code == ExitFailed && err == nil && !last.world.Up(host) {
		_, _ = fmt.Fprintf(a.Stdout, "\n%s has no power. The operator gives it back, and resumes the fleet: %s\n", host,
			a.fleetCommandLine("resume --failed", f.file))
		last.world.(mains).Mend() //nolint:forcetypeassert // cutPower has seen that it is
		if err = last.follow(); err == nil {
			again := &fleetRun{app: a, path: f.file, verbose: r.verbose}
			code, err = again.carryOut(ctx, true, false, true)
		}
	}
	var errs []error
	for _, s := range f.pairs {
		errs = append(errs, s.world.Check())
	}
	if broken := errors.Join(errs...); err == nil && broken != nil {
		return ExitFailed, broken
	}
	return code, err
}

// powerAt is the command at which a machine of the last pair loses its power: of the example node 1, while its new system is set up.
const powerAt = 220
