package maintenance

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// MonitoringConfig says where the monitoring of the databases is switched. The zero value of a field is its default.
type MonitoringConfig struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager; "cluman"

	// Missing are files of the guide that a host does not have, HOST:PATH. Whoever plans has looked: a file that is
	// forgotten would go on watching.
	Missing []string `yaml:"missing"`

	// To is the release that every machine must run before the databases are watched again (cps:1498); "21.1.0".
	To string `yaml:"to"`

	Tools Tools `yaml:"tools"` // paths of the guide's programs, where a login does not find them by name
}

// monitoring is the plan of one switch.
type monitoring struct {
	*cluster
	cfg   MonitoringConfig
	off   bool
	files []monitored
}

// monitored is one file, with what it is and what it is to be.
type monitored struct {
	cps.SetFile
	id       string
	now, new []byte
	sets     []string // those that it names, and that are switched
	missing  bool
}

// DisableMonitoring comments the replica sets out of the lists that the monitoring of the databases reads, and of the
// script that makes them, on each pcrfclient and on the Cluster Manager of one site: the first step of a GR migration
// (cps:1470-1475, CPS-210). EnableMonitoring is the last one: it puts the same sets in force again, exactly as they were,
// once every machine runs the new release (cps:1498-1500, CPS-235).
//
// Read gives each file as it is now; an error that wraps fs.ErrNotExist is one, too, unless the file is in Missing. The plan
// is made of these very bytes: a file that differs when the plan is run is left alone.
func DisableMonitoring(cfg MonitoringConfig, hosts *cps.Hosts, read func(cps.SetFile) (io.Reader, error)) (*evenkeel.Runbook, error) {
	return switchMonitoring(cfg, hosts, read, true)
}

// EnableMonitoring undoes DisableMonitoring, and nothing else; see there.
func EnableMonitoring(cfg MonitoringConfig, hosts *cps.Hosts, read func(cps.SetFile) (io.Reader, error)) (*evenkeel.Runbook, error) {
	return switchMonitoring(cfg, hosts, read, false)
}

func switchMonitoring(cfg MonitoringConfig, hosts *cps.Hosts, read func(cps.SetFile) (io.Reader, error), off bool,
) (*evenkeel.Runbook, error) {
	if cfg.To == "" {
		cfg.To = "21.1.0"
	}
	c, err := newCluster(cfg.ClusterManager, hosts, cfg.Tools)
	m := &monitoring{cluster: c, cfg: cfg, off: off}
	if err == nil {
		err = m.read(read)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot plan the monitoring: %w", err)
	}
	name, title := "cps-monitoring-on", "Have the databases watched again"
	if off {
		name, title = "cps-monitoring-off", "Stop watching the databases"
	}
	rb := &evenkeel.Runbook{
		Name: name, Title: title, Version: name + " 1", Functions: steps.PaperFunctions, Inputs: []evenkeel.Input{m.input()},
		Intro: "A GR migration begins with the replica sets commented out of the lists that the monitoring of the databases reads, and " +
			"ends with the same sets in force again (cps:1470,1500). Each file is replaced as a whole, and only where it is what the plan was " +
			"made from. It follows the CPS Migration and Upgrade Guide; cps:N is a line of it.",
		Steps: []evenkeel.Step{m.preflight()},
	}
	for _, host := range m.machines() {
		rb.LeaseHosts = append(rb.LeaseHosts, host)
		rb.Steps = append(rb.Steps, m.edit(host))
	}
	for _, f := range m.files {
		if !f.missing {
			rb.Inputs = append(rb.Inputs, evenkeel.NewInput(f.Host+":"+f.Path, f.now))
		}
	}
	rb.Steps = append(rb.Steps, m.confirm())
	rb.Estimate(evenkeel.Guess)
	return rb, rb.Validate()
}

// machines are the hosts that have a file to edit, the pcrfclients first.
func (m *monitoring) machines() []string {
	var list []string
	for _, f := range m.files {
		if len(f.sets) > 0 && !slices.Contains(list, f.Host) {
			list = append(list, f.Host)
		}
	}
	return list
}

// read reads every file, and works out what it is to be.
func (m *monitoring) read(read func(cps.SetFile) (io.Reader, error)) error {
	var errs []error
	left := slices.Clone(m.cfg.Missing)
	switched := 0
	for i, file := range cps.SetFiles(m.hosts, m.manager) {
		f := monitored{SetFile: file, id: fmt.Sprintf("%s-%d", file.Host, i+1)}
		if at := slices.Index(left, file.Host+":"+file.Path); at >= 0 {
			left = slices.Delete(left, at, at+1)
			f.missing = true
			m.files = append(m.files, f)
			continue
		}
		if err := f.take(read, m.off); err != nil {
			errs = append(errs, err)
			continue
		}
		switched += len(f.sets)
		m.files = append(m.files, f)
	}
	for _, name := range left {
		errs = append(errs, fmt.Errorf("missing: %q is none of the files of the guide: HOST:PATH", name))
	}
	if len(errs) == 0 && switched == 0 {
		errs = append(errs, fmt.Errorf("no file has a replica set to %s: nothing is to be done",
			map[bool]string{true: "comment out", false: "put in force again"}[m.off]))
	}
	return errors.Join(errs...)
}

// take reads one file. A set that is neither in force nor commented out by evenkeel is somebody else's business.
func (f *monitored) take(read func(cps.SetFile) (io.Reader, error), off bool) error {
	r, err := read(f.SetFile)
	if err != nil {
		return fmt.Errorf("%s:%s: %w", f.Host, f.Path, err)
	}
	parse := cps.ParseSetList
	if f.Script {
		parse = cps.ParseSetScript
	}
	list, err := parse(r)
	if err != nil {
		return err
	}
	for _, finding := range list.Findings() {
		if finding.Severity == cps.Error {
			return errors.New(finding.String())
		}
	}
	next := list.CommentOut()
	f.sets = list.Sets()
	if !off {
		next, f.sets = list.Restore(), list.CommentedOut()
	}
	var now, then bytes.Buffer
	_, err1 := list.WriteTo(&now)
	_, err2 := next.WriteTo(&then)
	f.now, f.new = now.Bytes(), then.Bytes()
	return errors.Join(err1, err2)
}

// sum is what sha256sum prints of a content.
func sum(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// is wants the file to have a content, under the name that it has or another.
func (f monitored) is(id, title, name string, content []byte) evenkeel.Action {
	look := evenkeel.Look(id+"-"+f.id, title, "sha256sum", name).On(f.Host).From("cps:1470").
		Expecting(sum(content), evenkeel.Succeeding(func(o evenkeel.Observed) error {
			got, err := steps.Digest(o.Result)
			if err == nil && got != sum(content) {
				err = evenkeel.NeedsOperator("%s on %s is not what the plan was made from, nor what it makes: look who changed it, "+
					"take the files anew, and plan again", name, f.Host)
			}
			return err
		}))
	look.Paper = steps.Prints(look.Cmd, "", sum(content)+"  "+name)
	return look
}

// notThere wants a file that the operator calls missing not to be there.
func (f monitored) notThere() evenkeel.Action {
	look := evenkeel.Look("missing-"+f.id, "Verify that "+f.Host+" has no "+f.Path, "test", "-e", f.Path).On(f.Host).From("cps:1470").
		Expecting("exit status 1: it is not there", func(o evenkeel.Observed) error {
			switch {
			case o.Outcome == sshexec.Exited && o.ExitCode == 1:
				return nil
			case o.Outcome == sshexec.Exited && o.ExitCode == 0:
				return evenkeel.NeedsOperator("%s has %s, and it is given as missing: take it out of missing, and plan again", f.Host, f.Path)
			}
			return o.Succeeded()
		})
	look.Paper = steps.Prints(look.Cmd, `; echo "exit status $?"`, "exit status 1")
	return look
}

// write replaces the file as a whole; where it has the content already, nothing is done.
func (f monitored) write(content, other []byte) []evenkeel.Action {
	fresh := f.Path + ".evenkeel-new"
	put := sshexec.Command(sshexec.Mutating, "tee", fresh)
	put.Stdin = sshexec.Text(string(content))
	is := sshexec.Command(sshexec.ReadOnly, "sha256sum", f.Path)
	return []evenkeel.Action{
		evenkeel.Do("copy-"+f.id, "Copy "+f.Path+", with its owner and its mode", "cp", "-p", f.Path, fresh).On(f.Host),
		{ID: "put-" + f.id, Change: evenkeel.Change{Title: "Write what it is to be into the copy", Host: f.Host, Cmd: put,
			Repeat: evenkeel.Idempotent}},
		f.is("whole", "Verify that the copy has what "+f.Path+" is to have", fresh, content),
		evenkeel.Do("replace-"+f.id, "Replace "+f.Path, "mv", "-T", fresh, f.Path).On(f.Host).From("cps:1470").Once(evenkeel.Probe{
			Cmd: is, Host: f.Host, Text: "the file is as it is to be", Paper: steps.Prints(is, "", sum(content)+"  "+f.Path),
			Read: func(o evenkeel.Observed) (evenkeel.ProbeResult, error) {
				got, err := steps.Digest(o.Result)
				switch err = errors.Join(o.Succeeded(), err); {
				case err != nil:
					return evenkeel.Inconclusive, err
				case got == sum(content):
					return evenkeel.Done, nil
				case got == sum(other):
					return evenkeel.NotRun, nil
				}
				return evenkeel.Inconclusive, fmt.Errorf("%s on %s was changed by somebody else", f.Path, f.Host)
			},
		}),
		evenkeel.Do("clear-"+f.id, "Leave no copy behind", "rm", "-f", fresh).On(f.Host),
	}
}

// preflight changes nothing.
func (m *monitoring) preflight() evenkeel.Step {
	step := evenkeel.Step{ID: "preflight", Title: "Verify that the files are what the plan was made from", Host: m.manager, Ref: "cps:1470"}
	for _, f := range m.files {
		if f.missing {
			step.Actions = append(step.Actions, f.notThere())
			continue
		}
		step.Actions = append(step.Actions, f.is("planned", "Verify that "+f.Path+" is what the plan was made from", f.Path, f.now))
	}
	if m.off {
		step.Actions = append(step.Actions, evenkeel.ByHand("unwatched", "Confirm that nobody counts on the monitoring",
			"Until the sets are in force again nothing reports a database of this site that fails. Confirm that somebody watches them "+
				"meanwhile, such as by diagnostics.sh --get_replica_status.").From("cps:1470"))
		return step
	}
	step.Actions = append(step.Actions, m.migrated(), m.healthy("health"), evenkeel.ByHand("everywhere",
		"Confirm that every replica-set member runs "+m.cfg.To, "about.sh must show "+m.cfg.To+" on both sites and on the third site's arbiter, "+
			"and diagnostics.sh --get_replica_status every member of every set at work, before the databases are watched again.").From("cps:1498"))
	return step
}

// migrated wants every machine of this site on the new release (CPS-235).
func (m *monitoring) migrated() evenkeel.Action {
	vms := cps.ClusterSet(m.withQNS(m.vms))
	look := evenkeel.Look("migrated", "Verify that the site is migrated", m.tools.About).On(m.manager).From("cps:1498").
		Expecting("the installer and every VM on "+m.cfg.To, parsed("about.sh", cps.ParseAbout, func(o *cps.About) error {
			return steps.OnRelease(o, vms, m.cfg.To)
		}))
	look.Paper = steps.ShowsRelease(look.Cmd, vms, m.cfg.To)
	return look
}

// edit changes the files of one host.
func (m *monitoring) edit(host string) evenkeel.Step {
	title := "Put %s in force again on %s"
	if m.off {
		title = "Comment %s out on %s"
	}
	step := evenkeel.Step{ID: "edit-" + host, Host: host, Ref: "cps:1470,1500"}
	var sets []string
	for _, f := range m.files {
		if f.Host != host || len(f.sets) == 0 {
			continue
		}
		sets = append(sets, f.sets...)
		step.Actions = append(step.Actions, f.write(f.new, f.now)...)
		step.Verify = append(step.Verify, f.is("is", "Verify that "+f.Path+" is as it is to be", f.Path, f.new))
		step.Undo = append(step.Undo, f.write(f.now, f.new)...)
		step.UndoVerify = append(step.UndoVerify, f.is("was", "Verify that "+f.Path+" is as it was", f.Path, f.now))
	}
	slices.Sort(sets)
	step.Title = fmt.Sprintf(title, strings.Join(slices.Compact(sets), ", "), host)
	return step
}

// confirm is what only the operator sees.
func (m *monitoring) confirm() evenkeel.Step {
	text := "Confirm that the monitoring does not report these databases any more. The same has to be done at the other site."
	if !m.off {
		text = "Confirm that the monitoring reports the databases again, and that there is no alarm. The same has to be done at the other site."
	}
	return evenkeel.Step{
		ID: "confirm", Title: "Confirm what the monitoring does", Host: m.manager, Ref: "cps:1470,1500",
		Actions: []evenkeel.Action{evenkeel.ByHand("seen", "Confirm what the monitoring does", text).From("cps:1500")},
	}
}
