package issm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Migration is an in-service migration of one cluster, planned: its two halves are known and reviewed (cps:200-1350).
type Migration struct {
	cfg Config
	*halves
	*members
	*balancers
	vips     []virtual // arbitervip
	ownSets  bool      // not those that create-cluster-sets.sh makes
	findings []cps.Finding
	from, to cps.Release
}

// halves are the two halves of a cluster, and how it is asked.
type halves struct {
	manager string // control name of the Cluster Manager
	tools   Tools
	hosts   *cps.Hosts
	sets    [3]cps.ClusterSet  // by number, 1 and 2
	in      [3]map[string]bool // the same as sets
	gone    [3]map[string]bool // by number: the hosts that are away with that half
}

// members are the replica sets with a part in each half: what is read of them, and what it means for a half.
type members struct {
	*halves
	mongo    *cps.MongoConfig
	accepted []string // labels of the sets to which nobody can write while a half is away: somebody has signed for it
}

// balancers are the load balancers of each half, and the traffic that they take.
type balancers struct {
	*halves
	each int // Diameter endpoints of a load balancer
}

// New plans a migration from the cluster's own Hosts.csv and mongoConfig.cfg. It divides the VMs into the two cluster-upgrade sets and
// reviews them (cps:631); whatever must not be acted on, such as two data members of a replica set in one half, is a *ReviewError, which
// proposes the repair.
func New(cfg Config, hosts *cps.Hosts, mongo *cps.MongoConfig) (*Migration, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cannot plan the migration: %w", err)
	}
	if hosts == nil || mongo == nil {
		return nil, errors.New("cannot plan the migration: Hosts.csv and mongoConfig.cfg are needed")
	}
	cfg, deployed := cfg.withDeploy()
	cfg = cfg.withDefaults()
	if err := cfg.siteSecrets(); err != nil {
		return nil, fmt.Errorf("cannot plan the migration: %w", err)
	}
	h := &halves{manager: cfg.ClusterManager, tools: cfg.Tools, hosts: hosts}
	m := &Migration{cfg: cfg, halves: h, members: &members{h, mongo, cfg.AcceptNoMajority}, balancers: &balancers{h, cfg.EndpointsPerLB}}
	var err error
	if m.from, err = cps.ParseRelease(m.cfg.From); err != nil {
		return nil, fmt.Errorf("cannot plan the migration: %w", err)
	}
	if m.to, err = cps.ParseRelease(m.cfg.To); err != nil {
		return nil, fmt.Errorf("cannot plan the migration: %w", err)
	}
	set1, set2, err := cps.SplitClusterSets(hosts)
	if len(m.cfg.Set1) > 0 {
		m.ownSets = !slices.Equal(set1, m.cfg.Set1) || !slices.Equal(set2, m.cfg.Set2)
		set1, set2, err = m.cfg.Set1, m.cfg.Set2, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot plan the migration, unless set1 and set2 say which VMs are in which half: %w", err)
	}
	h.sets = [3]cps.ClusterSet{1: set1, 2: set2}
	for n := range h.sets {
		h.in[n] = map[string]bool{}
		for _, alias := range h.sets[n] {
			h.in[n][alias] = true
		}
	}
	h.gone, m.vips = h.in, virtuals(cfg, mongo)
	if cfg.guideOrder() {
		h.gone[1] = maps.Clone(h.in[1])
		for _, v := range m.vips {
			h.gone[1][v.name] = true
		}
	}
	order, accepted := m.reviewOrder()
	if cfg.Deploy == nil {
		deployed = append(hosts.Findings(), cps.ReviewMembers(hosts, mongo)...)
	} else {
		deployed = append(deployed, cfg.Deploy.ReviewMembers(mongo)...)
	}
	m.findings = slices.Concat(cps.CheckMigration(m.from, m.to), deployed, mongo.Findings(), cps.ReviewHosts(hosts, set1, set2),
		cps.ReviewSets(set1, set2, mongo, without(m.cfg.AcceptNoMajority, accepted)...), order, m.reviewVIP())
	m.review()
	m.findings = slices.Concat(m.findings, m.reviewGeo(), m.reviewSite(), m.reviewRoutes(), m.reviewCloud())
	if worst, found := cps.Worst(m.findings); found && worst == cps.Error {
		return nil, &ReviewError{Set1: set1, Set2: set2, Findings: m.findings, Repair: cps.ProposeRepair(set1, set2, mongo)}
	}
	return m, nil
}

// without are the texts that are not among others.
func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// review adds what matters to this runbook alone.
func (m *Migration) review() {
	add := func(severity cps.Severity, where, row, format string, args ...any) {
		m.findings = append(m.findings, cps.Finding{Severity: severity, Where: where, What: fmt.Sprintf(format, args...), Row: row})
	}
	for n := 1; n <= 2; n++ {
		for _, class := range []string{"lb", "qns", "pcrfclient"} {
			if len(m.ofClass(n, class)) == 0 {
				add(cps.Error, m.hosts.File, "CPS-006", "set %d has no %s: it cannot serve alone", n, class)
			}
		}
	}
	for _, rs := range m.mongo.Sets {
		for n := 1; n <= 2; n++ {
			if len(m.dataMembers(rs, n)) == 0 {
				add(cps.Warning, fmt.Sprintf("%s:%d", m.mongo.File, rs.Line), "CPS-007", "%s has no data member in set %d", rs, n)
			}
		}
	}
	if sharded, where := m.mongo.Sharded(); sharded {
		add(cps.Warning, m.mongo.File, "CPS-247",
			"sharding is configured (%s): once set 1 is disabled there is no rollback (cps:1822)", where[0].Where)
	}
	if len(m.adminSets()) == 0 {
		add(cps.Warning, m.mongo.File, "MON-025", "no replica set of type ADMIN: the sharding configuration is left as it is")
	}
}

var errNoPlan = errors.New("there is no plan: make one with New")

// ReviewError says why a migration is not planned: findings of severity Error, and how to repair the division of the VMs.
type ReviewError struct {
	Set1, Set2 cps.ClusterSet // the division that was reviewed
	Findings   []cps.Finding
	Repair     cps.Repair
}

func (e *ReviewError) Error() string {
	var lines []string
	for _, f := range e.Findings {
		if f.Severity == cps.Error {
			lines = append(lines, f.String())
		}
	}
	text := "the migration cannot be planned:\n  " + strings.Join(lines, "\n  ")
	if len(e.Repair.Moves)+len(e.Repair.Impossible) > 0 {
		text += "\nrepair: " + e.Repair.String()
	}
	return text
}

// ofClass are the VMs of a half that are of a class: lb, qns, sessionmgr or pcrfclient.
func (m *halves) ofClass(n int, class string) []string { return m.hosts.OfClass(m.sets[n], class) }

// Sets are the two cluster-upgrade sets; set 1 is migrated first.
func (m *Migration) Sets() (set1, set2 cps.ClusterSet) {
	if m.halves == nil {
		return nil, nil
	}
	return slices.Clone(m.sets[1]), slices.Clone(m.sets[2])
}

// Findings are the warnings and notes that did not keep the migration from being planned.
func (m *Migration) Findings() []cps.Finding { return slices.Clone(m.findings) }

// runbookVersion changes when the runbook does other things for the same input.
const runbookVersion = "cps-issm 1"

// Runbook is the whole migration, from the checks beforehand to the image's unmounting (cps:200-1350, CPS-200). Going
// back: see evenkeel.Rollback.
func (m *Migration) Runbook() (*evenkeel.Runbook, error) {
	if m == nil || m.halves == nil {
		return nil, errNoPlan
	}
	rb := &evenkeel.Runbook{
		Functions:  m.paperFunctions(),
		Name:       "cps-issm",
		Title:      fmt.Sprintf("In-service migration of CPS %s to %s", m.from, m.to),
		Intro:      m.intro(),
		Inputs:     m.inputs(),
		Version:    runbookVersion,
		Invariants: m.invariants(),
		LeaseHosts: []string{m.cfg.ClusterManager},
		Secrets:    m.cfg.Secrets,
		Recover:    m.recover,
		Absences:   absences(),
	}
	rb.Steps = slices.Concat(m.beforeSteps(), m.geoBefore(), m.managerSteps(), m.loggerSteps(loggerAgain),
		m.set1Steps(), m.set2Steps(), m.afterSteps())
	sayExpectations(rb)
	rb.MarkWide(m.wide)
	rb.MarkDetached(takesHours)
	return rb, rb.Validate()
}

// absences are the members of each half, from their leaving the replica sets until they have caught up (cps:1012,1319).
func absences() (list []evenkeel.Absence) {
	for n := 1; n <= 2; n++ {
		list = append(list, evenkeel.Absence{What: fmt.Sprintf("the replica-set members of set %d", n),
			From: setID("disable-set", n), Until: setID("members-set", n), Ref: ref(n, "1012-1014", "1319-1321")})
	}
	return list
}

// sayExpectations tells the reader what to expect where it is nothing but success.
func sayExpectations(rb *evenkeel.Runbook) {
	for i := range rb.Steps {
		for _, actions := range [][]evenkeel.Action{rb.Steps[i].Actions, rb.Steps[i].Verify, rb.Steps[i].Undo} {
			for j := range actions {
				if a := &actions[j]; a.Expect.Text == "" && len(a.Cmd.Argv) > 0 {
					a.Expect.Text = "exit status 0"
				}
			}
		}
	}
}

func (m *Migration) intro() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Set 1 (%s) is migrated while set 2 (%s) serves, then the other way round. It follows the CPS "+
		"Migration and Upgrade Guide for %s; cps:N is a line of it, and a name such as CPS-207 a rule (docs/references.md).\n\n",
		strings.Join(m.sets[1], ", "), strings.Join(m.sets[2], ", "), m.to)
	b.WriteString("While it runs: no change of policies, CRD tables or configuration (cps:252). diagnostics.sh complains " +
		"in between, for good reasons (cps:385): the checks below say what matters when. Errors without effect may stand in the " +
		"logs until all processes were restarted at the end (cps:1350). ")
	b.WriteString("A new machine has a new SSH host key: put it into known_hosts when it is deployed.\n\n")
	fmt.Fprintf(&b, "Log in to %s as root (cps:333). No in-service software upgrade (ISSU) is needed beside this migration "+
		"(cps:2023). Use no feature and no option that the guide does not have: it may not be supported (cps:195).\n\n", m.cfg.ClusterManager)
	fmt.Fprintf(&b, "Going back: up to the disabling of set 1 step by step; from the end of \"enable set 1\" to the "+
		"disabling of set 2 by the runbook %s (cps:1814); in between and afterwards only forward.", rollbackName)
	if len(m.cfg.KPIs) == 0 {
		b.WriteString("\n\nNo KPI is watched (kpis in the configuration): the operator alone judges the call traffic.")
	}
	for _, f := range m.findings {
		b.WriteString("\n\nFinding: " + f.String())
	}
	return b.String()
}

// inputs bind a journal to the files that the runbook was made from.
func (m *Migration) inputs() []evenkeel.Input {
	list := m.files()
	for _, v := range m.known() { // an invariant's digest is its ID
		list = append(list, evenkeel.NewInput("address of "+v.name, []byte(v.addr.String())))
	}
	return list
}

// files are those inputs that the cluster has as files.
func (m *Migration) files() []evenkeel.Input {
	return []evenkeel.Input{
		evenkeel.NewInput(hostsPath, contentOf(m.hosts)),
		evenkeel.NewInput(mongoConfigPath, contentOf(m.mongo)),
	}
}

func contentOf(w io.WriterTo) []byte {
	var b bytes.Buffer
	_, _ = w.WriteTo(&b) // writing to memory does not fail
	return b.Bytes()
}

// adminSets are the replica sets with the database sharding (cps:924).
func (m *members) adminSets() []cps.ReplicaSet {
	return slices.DeleteFunc(slices.Clone(m.mongo.Sets), func(rs cps.ReplicaSet) bool { return rs.Type != "ADMIN" })
}

func (m *halves) replicaStatus() sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, m.tools.Diagnostics, "--get_replica_status")
}

func (m *balancers) haproxyStatus() sshexec.Cmd {
	return sshexec.Command(sshexec.ReadOnly, m.tools.Diagnostics, "--ha_proxy")
}

// wide tells whether a command changes VMs beside its own.
func (m *halves) wide(c sshexec.Cmd) bool {
	return slices.Contains([]string{migrateScript, deployAllScript, m.tools.RestartAll, m.tools.Mongo, "nova", "neutron"}, c.Argv[0])
}

// takesHours tells a command that a lost connection must not end half-way.
func takesHours(c sshexec.Cmd) bool {
	return slices.Contains([]string{migrateScript, deployAllScript, deployOneScript}, c.Argv[0])
}
