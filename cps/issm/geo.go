package issm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Geo is the place of a site in a geographically redundant system (cps:1423-1506): its migration is that of a cluster,
// with what a GR system needs beside it. Site 1 comes first, then site 2, then the arbiter at the third site
// ([MigrateArbiter]). The zero value of a field is its default.
type Geo struct {
	Site int `yaml:"site"` // which one this cluster is: 1 or 2

	SourceMongo string `yaml:"source_mongo"` // release of MongoDB before; "3.6.9" (cps:1455)
	TargetMongo string `yaml:"target_mongo"` // and after; "3.6.17"
}

func (g *Geo) withDefaults() *Geo {
	if g == nil {
		return nil
	}
	c := *g
	if c.SourceMongo == "" {
		c.SourceMongo = "3.6.9"
	}
	if c.TargetMongo == "" {
		c.TargetMongo = "3.6.17"
	}
	return &c
}

// validate finds what is wrong.
func (g *Geo) validate() []error {
	switch {
	case g == nil:
	case g.Site != 1 && g.Site != 2:
		return []error{fmt.Errorf("geo.site %d: a GR system has the sites 1 and 2 (cps:1458)", g.Site)}
	case g.SourceMongo == g.TargetMongo:
		return []error{fmt.Errorf("geo: source_mongo and target_mongo are both %s: nobody could tell which member is migrated", g.SourceMongo)}
	}
	return nil
}

// reviewGeo finds what keeps a cluster from being a site of a GR system, or a site from being migrated as a cluster.
func (m *Migration) reviewGeo() []cps.Finding {
	var list []cps.Finding
	far := 0
	for _, rs := range m.mongo.Sets {
		other, _ := m.elsewhere(rs)
		far += len(other)
	}
	switch {
	case m.cfg.Geo != nil && far == 0:
		list = append(list, cps.Finding{Severity: cps.Error, Where: m.mongo.File, Row: "CPS-038",
			What: "geo is given, and no replica set has a data member at the other site: this cluster is no site of a GR system"})
	case m.cfg.Geo == nil && far > 0:
		list = append(list, cps.Finding{Severity: cps.Warning, Where: m.mongo.File, Row: "WF-002",
			What: "replica sets have data members at another site: GR needs geo.site, by which qns_hb, the monitoring and the releases of all " +
				"members are looked at (cps:1423-1506)"})
	}
	return list
}

// geoRow is the check of a row of the guide's table (cps:1458-1468): done is how many halves of this site run the new
// release by then.
func (m *Migration) geoRow(done int) []evenkeel.Step {
	if m.cfg.Geo == nil {
		return nil
	}
	row := 2*(m.cfg.Geo.Site-1) + done
	return []evenkeel.Step{{
		ID: fmt.Sprintf("gr-row-%d", row), Title: fmt.Sprintf("Verify row %d of the table for GR: %s", row, m.rowText(done)), Host: m.manager,
		Ref: "cps:1458-1468", Actions: []evenkeel.Action{m.memberReleases(done)},
	}}
}

// rowText says what runs where.
func (m *Migration) rowText(done int) string {
	var parts []string
	for n := 1; n <= 2; n++ {
		parts = append(parts, fmt.Sprintf("set %d on MongoDB %s", n, m.mongoOf(n <= done)))
	}
	return fmt.Sprintf("%s, the other site on %s, the third site's arbiter on %s", strings.Join(parts, ", "), m.mongoOf(m.cfg.Geo.Site == 2),
		m.mongoOf(false))
}

func (m *Migration) mongoOf(migrated bool) string {
	if migrated {
		return m.cfg.Geo.TargetMongo
	}
	return m.cfg.Geo.SourceMongo
}

// geoMember is a member of a replica set, with the release that it must run.
type geoMember struct {
	set     cps.ReplicaSet
	address string
	release string
}

// geoMembers are the members that are queried: all but arbitervip, which moves between the halves.
func (m *Migration) geoMembers(done int) []geoMember {
	var list []geoMember
	for _, rs := range m.mongo.Sets {
		for _, member := range slices.Concat(rs.Members, rs.Arbiters) {
			arbiter := slices.Contains(rs.Arbiters, member)
			migrated := m.cfg.Geo.Site == 2 && !arbiter // at the other site
			for n := 1; n <= 2; n++ {
				if m.in[n][member.Host] {
					migrated = n <= done
				}
			}
			if !arbiter || !strings.HasPrefix(member.Host, "arbitervip") {
				list = append(list, geoMember{rs, member.Address(), m.mongoOf(migrated)})
			}
		}
	}
	return list
}

// memberReleases queries every member of every replica set, at both sites and at the third one, for its release.
func (m *Migration) memberReleases(done int) evenkeel.Action {
	members := m.geoMembers(done)
	var addresses, want []string
	for _, one := range members {
		addresses, want = append(addresses, one.address), append(want, one.address+" "+one.release)
	}
	script := fmt.Sprintf(`for m in %s; do echo "$m $(%s --quiet "$m" --eval 'print(db.version())')"; done`,
		strings.Join(addresses, " "), m.tools.Mongo)
	return evenkeel.Action{
		ID: "releases", Paper: []evenkeel.Block{{Script: script, Shows: want}},
		Change: evenkeel.Change{
			Title: "Verify that every member runs the release that the table has", Ref: "cps:1455-1468", Host: m.manager,
			Op: &evenkeel.Op{
				Effect: evenkeel.ReadOnly, Text: "Ask each member of each replica set for buildInfo: " + strings.Join(want, ", ") + ".",
				Do: func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
					var errs []error
					for _, one := range members {
						errs = append(errs, m.runsRelease(ctx, at, one))
					}
					return sshexec.Result{}, errors.Join(errs...)
				},
			},
		},
	}
}

func (m *Migration) runsRelease(ctx context.Context, at evenkeel.Site, one geoMember) error {
	set := steps.ReplicaSet(at, m.manager, m.tools.Mongo, one.set)
	raw, err := set.RunCommand(ctx, one.address, "admin", bson.D{{Key: "buildInfo", Value: 1}})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", one.address, one.set.Title(), err)
	}
	version, ok := raw.Lookup("version").StringValueOK()
	switch {
	case !ok:
		return fmt.Errorf("%s of %s does not say its release", one.address, one.set.Title())
	case version != one.release:
		return evenkeel.NeedsOperator("%s of %s runs MongoDB %s, and is to run %s by now: the sites are migrated one after the other, set 1 "+
			"before set 2, and the arbiter last (cps:1458-1504)", one.address, one.set.Title(), version, one.release)
	}
	return nil
}

// geoBefore is what a GR system wants before its site is migrated: the databases are not watched, and qns_hb does not
// run on the load balancers (cps:1435,1470, CPS-181).
func (m *Migration) geoBefore() []evenkeel.Step {
	if m.cfg.Geo == nil {
		return nil
	}
	step := evenkeel.Step{ID: "gr-before", Title: "Verify that the databases are not watched, and no qns_hb runs", Host: m.manager,
		Ref: "cps:1435,1470"}
	for i, f := range cps.SetFiles(m.hosts, m.manager) {
		if !f.Script { // the script makes the lists when it is run, and is switched with them
			step.Actions = append(step.Actions, m.unwatched(i+1, f, false))
		}
	}
	for n := 1; n <= 2; n++ {
		step.Actions = append(step.Actions, m.withoutHeartbeat(n)...)
	}
	return append([]evenkeel.Step{step}, m.geoRow(0)...)
}

// unwatched wants a list of the monitoring to name no set. A new VM may have none.
func (m *Migration) unwatched(i int, f cps.SetFile, mayLack bool) evenkeel.Action {
	argv := []string{"cat", f.Path}
	if mayLack {
		argv = []string{"find", path.Dir(f.Path), "-mindepth", "1", "-maxdepth", "1", "-name", path.Base(f.Path), "-exec", "cat", "{}", "+"}
	}
	look := evenkeel.Look(fmt.Sprintf("unwatched-%d", i), "Verify that "+f.Path+" names no replica set", argv...).On(f.Host).
		From("cps:1470-1475").Expecting("no replica set in force", evenkeel.Succeeding(func(o evenkeel.Observed) error {
		if mayLack && o.Text() == "" {
			return nil
		}
		list, err := cps.ParseSetList(steps.Output(f.Host+":"+f.Path, o.Result))
		if err != nil {
			return err
		}
		if sets := list.Sets(); len(sets) > 0 {
			return evenkeel.NeedsOperator("%s on %s has %s in force: stop the monitoring first (cps-issm monitoring)", f.Path, f.Host,
				strings.Join(sets, ", "))
		}
		return nil
	}))
	look.Paper = steps.Prints(look.Cmd, `| grep -v '^[[:space:]]*#' | grep -cE -- '-SET[0-9]'`, "0")
	return look
}

// withoutHeartbeat has qns_hb disabled on the load balancers of a half: before the migration, and again on the new VMs.
func (m *Migration) withoutHeartbeat(n int) []evenkeel.Action {
	var list []evenkeel.Action
	for _, lb := range m.ofClass(n, "lb") {
		list = append(list, evenkeel.Action{
			ID: "heartbeat-" + lb, Manual: "Disable the process qns_hb on " + lb + ", and see to it that nothing starts it again. The guide " +
				"gives no command for it.",
			Paper: steps.Again(steps.Prints(steps.ListProcesses, "| running qns_hb", "none of them runs")),
			Change: evenkeel.Change{
				Title: "Verify that no qns_hb runs on " + lb, Host: lb, Ref: "cps:1435", Cmd: steps.ListProcesses,
				Expect: evenkeel.Expect{Text: "the whole list, and no qns_hb", Check: func(o evenkeel.Observed) error {
					err := steps.Quiet("qns_hb")(o)
					if wait := (*evenkeel.Retry)(nil); errors.As(err, &wait) {
						return fmt.Errorf("qns_hb runs on %s", lb)
					}
					return err
				}},
			},
		})
	}
	return list
}

// geoRecreated is the same once the VMs of a half are new machines: neither the monitoring nor qns_hb runs there.
func (m *Migration) geoRecreated(n int) []evenkeel.Step {
	if m.cfg.Geo == nil {
		return nil
	}
	lists := evenkeel.Step{
		ID: setID("gr-lists-set", n), Title: fmt.Sprintf("Verify that the databases are not watched from the new VMs of set %d", n),
		Host: m.manager,
		Ref:  "cps:1470",
		Why:  "A new pcrfclient may come with lists in which the sets are in force.",
	}
	for i, f := range cps.SetFiles(m.hosts, m.manager) {
		if !f.Script && m.in[n][f.Host] {
			lists.Actions = append(lists.Actions, m.unwatched(i+1, f, true))
		}
	}
	if len(m.ofClass(n, "lb")) == 0 {
		return []evenkeel.Step{lists}
	}
	return []evenkeel.Step{lists, {
		ID: setID("gr-heartbeat-set", n), Title: fmt.Sprintf("Verify that no qns_hb runs on the new load balancers of set %d", n),
		Host: m.manager,
		Ref:  "cps:1435", Actions: m.withoutHeartbeat(n),
	}}
}
