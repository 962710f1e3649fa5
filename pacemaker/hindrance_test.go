package pacemaker

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The configuration tells what stands in the way; a switch that is no truth value counts as on.
func TestHindrancesOfACIB(t *testing.T) {
	const target = `<primitive id="MGS" class="ocf" provider="x" type="y"/>`
	property := func(name, value string) string {
		return `<crm_config><cluster_property_set id="s"><nvpair id="p" name="` + name + `" value="` + value +
			`"/></cluster_property_set></crm_config>`
	}
	node := func(name, value string) string {
		return `<nodes><node id="1" uname="n1"><instance_attributes id="n"><nvpair id="a" name="` + name + `" value="` +
			value + `"/></instance_attributes></node></nodes>`
	}
	unmanaged := strings.Replace(target, "/>",
		`><meta_attributes id="m"><nvpair id="u" name="is-managed" value="false"/></meta_attributes></primitive>`, 1)
	for name, tc := range map[string]struct {
		config, resource string
		want             []Hindrance
	}{
		"nothing": {config: property("stonith-enabled", "true") + node("standby", "off")},
		"no fencing": {property("stonith-enabled", "off"), "",
			[]Hindrance{{NoFencing, "stonith-enabled", "stonith-enabled is off: nothing protects the resources from a node that hangs"}}},
		"no fencing, new": {property("fencing-enabled", "false"), "",
			[]Hindrance{{NoFencing, "fencing-enabled", "fencing-enabled is false: nothing protects the resources from a node that hangs"}}},
		"maintenance": {property("maintenance-mode", "true"), "",
			[]Hindrance{{AtRest, "maintenance-mode", "maintenance-mode is true: the cluster moves nothing"}}},
		"maintenance, or not": {property("maintenance-mode", "perhaps"), "",
			[]Hindrance{{AtRest, "maintenance-mode", "maintenance-mode is perhaps: the cluster moves nothing"}}},
		"no maintenance": {config: property("maintenance-mode", "0")},
		"stop all": {property("stop-all-resources", "1"), "",
			[]Hindrance{{AtRest, "stop-all-resources", "stop-all-resources is 1: the cluster moves nothing"}}},
		"standby":             {node("standby", "on"), "", []Hindrance{{NodeAway, "n1", "node n1 is in standby (standby=on)"}}},
		"node in maintenance": {node("maintenance", "x"), "", []Hindrance{{NodeAway, "n1", "node n1 is in maintenance (maintenance=x)"}}},
		"unmanaged": {"", unmanaged,
			[]Hindrance{{Unmanaged, "MGS", "MGS is unmanaged (is-managed=false): Pacemaker does not move it"}}},
		"unmanaged, at rest": {property("maintenance-mode", "true"), unmanaged,
			[]Hindrance{{AtRest, "maintenance-mode", "maintenance-mode is true: the cluster moves nothing"}}},
		"moved by hand": {`<constraints><rsc_location id="cli-prefer-MGS" rsc="MGS" node="n1" score="INFINITY"/></constraints>`, "",
			[]Hindrance{{LeftOverMove, "cli-prefer-MGS", "constraint cli-prefer-MGS is left over from a move by hand"}}},
	} {
		t.Run(name, func(t *testing.T) {
			resource := tc.resource
			if resource == "" {
				resource = target
			}
			cib, err := ParseCIB(strings.NewReader("<cib><configuration>" + tc.config + "<resources>" + resource +
				"</resources></configuration></cib>"))
			require.NoError(t, err)
			require.Equal(t, tc.want, cib.Hindrances())
		})
	}
}

// Each thing that crm_mon says to be wrong is one hindrance, and a sound cluster has none.
func TestHindrancesOfAStatus(t *testing.T) {
	sound := func() *Status {
		return &Status{FencingEnabled: true, DC: DC{Present: true, Quorum: true},
			Nodes: []NodeStatus{{Name: "n1", Online: true, Health: "green"}, {Name: "n2", Online: true}},
			Resources: []ResourceStatus{{ID: "MGS", Role: "Started", Managed: true, Nodes: []string{"n1"}},
				{ID: "off", Role: "Stopped", TargetRole: "stopped", Managed: true}},
			Fencing: []FenceEvent{{Target: "n2", Status: "success"}}, Bans: []Ban{{ID: "b"}}}
	}
	require.Empty(t, sound().Hindrances())
	for want, change := range map[Hindrance]func(s *Status){
		{NoDecision, "", "no node decides: the cluster has no DC"}:                               func(s *Status) { s.DC.Present = false },
		{NoDecision, "", "the cluster has no quorum"}:                                            func(s *Status) { s.DC.Quorum = false },
		{NoFencing, "", "fencing is off: nothing protects the resources from a node that hangs"}: func(s *Status) { s.FencingEnabled = false },
		{AtRest, "maintenance-mode", "maintenance-mode is on: the cluster moves nothing"}:        func(s *Status) { s.MaintenanceMode = true },
		{AtRest, "stop-all-resources",
			"stop-all-resources is on: the cluster moves nothing"}: func(s *Status) { s.StopAll = true },
		{NodeAway, "n1", "node n1 is unclean: it will be fenced"}: func(s *Status) { s.Nodes[0].Unclean = true },
		{NodeAway, "n1", "node n1 is offline"}:                    func(s *Status) { s.Nodes[0].Online = false },
		{NodeAway, "n1", "node n1 is in standby"}:                 func(s *Status) { s.Nodes[0].StandbyOnFail = true },
		{NodeAway, "n2", "node n2 is in maintenance"}:             func(s *Status) { s.Nodes[1].Maintenance = true },
		{NodeAway, "n2", "node n2 is coming or going"}:            func(s *Status) { s.Nodes[1].Pending = true },
		{NodeAway, "n1", "node n1 is of health yellow"}:           func(s *Status) { s.Nodes[0].Health = "yellow" },
		{NotSound, "MGS", "MGS is failed and unmanaged"}: func(s *Status) {
			s.Resources[0].Failed,
				s.Resources[0].Managed = true, false
		},
		{NotSound, "MGS", "MGS is blocked"}:             func(s *Status) { s.Resources[0].Blocked = true },
		{NotSound, "MGS", "MGS is orphaned"}:            func(s *Status) { s.Resources[0].Orphaned = true },
		{Unmanaged, "MGS", "MGS is unmanaged"}:          func(s *Status) { s.Resources[0].Managed = false },
		{NotSound, "MGS", "MGS is active on n1 and n2"}: func(s *Status) { s.Resources[0].Nodes = []string{"n1", "n2"} },
		{NotSound, "MGS", "MGS is stopped"}:             func(s *Status) { s.Resources[0].Role, s.Resources[0].Nodes = "Stopped", nil },
		{PastFailure, "MGS_start_0", "MGS_start_0 failed on n1: error"}: func(s *Status) {
			s.Failures = []Failure{{Operation: "MGS_start_0",
				Node: "n1", ExitStatus: "error"}}
		},
		{PastFailure, "n2", "fencing of n2 is failed"}: func(s *Status) { s.Fencing[0].Status = "failed" },
		{LeftOverMove, "cli-ban-MGS-on-n1",
			"constraint cli-ban-MGS-on-n1 is left over from a move by hand"}: func(s *Status) { s.Bans[0].ID = "cli-ban-MGS-on-n1" },
	} {
		s := sound()
		change(s)
		require.Equal(t, []Hindrance{want}, s.Hindrances())
	}
}

// A constraint's line shows every field but the ids: one that is set changes it.
func TestNoFieldOfAConstraintIsHidden(t *testing.T) {
	set := ResourceSet{Resources: []string{"a", "b"}, Options: []NVPair{{Name: "role", Value: "Master"}}}
	rule := Rule{Score: "7", Role: "Master", Nodes: []NodeExpression{{Attribute: "x", Operation: "defined"}}}
	for _, base := range []any{
		&Location{}, &Location{Resource: "r", Node: "n", Score: "1"}, &Location{Resource: "r", Rules: []Rule{rule}}, &Order{},
		&Order{First: "a", Then: "b"},
		&Order{Sets: []ResourceSet{set}}, &Colocation{}, &Colocation{Resource: "a", With: "b", Score: "1"},
		&Colocation{Sets: []ResourceSet{set}}, &Ticket{},
		&Ticket{Resource: "a"}, &Ticket{Sets: []ResourceSet{set}}, &ResourceSet{}, &set,
	} {
		v := reflect.ValueOf(base).Elem()
		plain := base.(interface{ String() string }).String()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "ID" || name == "Ticket" {
				continue
			}
			changed := reflect.New(v.Type()).Elem()
			changed.Set(v)
			switch f := changed.Field(i); f.Interface().(type) {
			case string:
				f.SetString(f.String() + "other")
			case []string:
				f.Set(reflect.ValueOf([]string{"other"}))
			case []NVPair:
				f.Set(reflect.ValueOf([]NVPair{{Name: "other", Value: "1"}}))
			case []Rule:
				f.Set(reflect.ValueOf([]Rule{{Score: "1", Nodes: []NodeExpression{{Attribute: "other", Operation: "defined"}}}}))
			case []ResourceSet:
				f.Set(reflect.ValueOf([]ResourceSet{{Resources: []string{"other"}}}))
			default:
				t.Fatalf("%T.%s is of a kind that this test does not know", base, name)
			}
			require.NotEqual(t, plain, changed.Addr().Interface().(interface{ String() string }).String(), "%T.%s of %q", base, name, plain)
		}
	}
}
