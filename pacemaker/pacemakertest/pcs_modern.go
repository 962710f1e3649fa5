package pacemakertest

import (
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// A command of pcs 0.10 and later is found by its words, the longest first, and takes the options of its own only.

type modernVerb struct {
	run     func(*pcsCommand) int
	options string // those it takes, separated by blanks
}

// modernOptions are the options that pcs knows at all; those of modernValued take the next word where they have no equals sign.
var (
	modernOptions = strings.Fields(`--all --autodelete --config --corosync_conf --debug --disabled --enable --force --full --name --no-cluster-uuid --no-default-ops --no-keys-sync --no-strict --node
		--output-format --request-timeout --safe --simulate --skip-offline --start --wait -f -p -u`)
	modernValued = strings.Fields("--corosync_conf --name --node --output-format --request-timeout -f -p -u")
)

// modernVerbs are the commands.
var modernVerbs = map[string]modernVerb{
	"host auth":           {(*pcsCommand).hostAuth, "-u -p"},
	"cluster setup":       {(*pcsCommand).setupModern, "--force --enable --start --wait --no-cluster-uuid --no-keys-sync --corosync_conf"},
	"cluster start":       {(*pcsCommand).start, "--all --wait --force"},
	"cluster stop":        {(*pcsCommand).stop, "--all --force"},
	"cluster enable":      {(*pcsCommand).enable, "--all"},
	"cluster disable":     {(*pcsCommand).enable, "--all"},
	"cluster destroy":     {(*pcsCommand).destroy, "--all --force"},
	"cluster node add":    {(*pcsCommand).nodeAdd, "--force --enable --start --wait --skip-offline"},
	"cluster node remove": {(*pcsCommand).nodeRemove, "--force --skip-offline"},
	"cluster node delete": {(*pcsCommand).nodeRemove, "--force --skip-offline"},
	"cluster cib":         {(*pcsCommand).showCIB, "-f --config"},
	"cluster cib-push":    {(*pcsCommand).pushCIB, "--config --wait"},
	"cluster status":      {(*pcsCommand).clusterStatus, ""},
	"node standby":        {(*pcsCommand).standby, "-f --all --wait"},
	"node unstandby":      {(*pcsCommand).standby, "-f --all --wait"},
	"node maintenance":    {(*pcsCommand).standby, "-f --all --wait"},
	"node unmaintenance":  {(*pcsCommand).standby, "-f --all --wait"},
	"node attribute":      {(*pcsCommand).nodeAttribute, "-f --force --name"},

	"property":             {(*pcsCommand).propertyConfig, "-f --full"},
	"property config":      {(*pcsCommand).propertyConfig, "-f --full --all"},
	"property show":        {replaced((*pcsCommand).propertyConfig, "property config", false), "-f --full --all"},
	"property list":        {replaced((*pcsCommand).propertyConfig, "property config", false), "-f --full --all"},
	"property set":         {(*pcsCommand).setProperty, "-f --force"},
	"property unset":       {(*pcsCommand).unsetProperty, "-f --force"},
	"resource":             {(*pcsCommand).resources, "-f"},
	"resource status":      {(*pcsCommand).resources, "-f"},
	"resource show":        {(*pcsCommand).resourceShow, "-f --full"},
	"resource config":      {(*pcsCommand).showResources, "-f --output-format"},
	"resource create":      {(*pcsCommand).createResource, "-f --force --disabled --wait --no-default-ops"},
	"resource delete":      {(*pcsCommand).deleteResource, "-f --force --wait"},
	"resource remove":      {(*pcsCommand).deleteResource, "-f --force --wait"},
	"resource enable":      {(*pcsCommand).enableResource, "-f --wait"},
	"resource disable":     {(*pcsCommand).enableResource, "-f --wait --safe --simulate --no-strict"},
	"resource cleanup":     {(*pcsCommand).cleanup, ""},
	"resource refresh":     {(*pcsCommand).refresh, "--force --full"},
	"resource relocate":    {(*pcsCommand).relocate, ""},
	"resource defaults":    {(*pcsCommand).defaultsModern, "-f --force --full"},
	"resource op defaults": {(*pcsCommand).defaultsModern, "-f --force --full"},

	"stonith":         {(*pcsCommand).stonithStatus, "-f"},
	"stonith status":  {(*pcsCommand).stonithStatus, "-f"},
	"stonith show":    {(*pcsCommand).resourceShow, "-f --full"},
	"stonith config":  {(*pcsCommand).showStonith, "-f --output-format"},
	"stonith create":  {(*pcsCommand).createStonith, "-f --force --disabled --wait --no-default-ops"},
	"stonith delete":  {(*pcsCommand).deleteResource, "-f --force"},
	"stonith enable":  {(*pcsCommand).enableResource, "-f --wait"},
	"stonith disable": {(*pcsCommand).enableResource, "-f --wait"},
	"stonith history": {(*pcsCommand).stonithHistory, ""},

	"constraint":                 {(*pcsCommand).showConstraints, "-f --full"},
	"constraint config":          {(*pcsCommand).showConstraints, "-f --full"},
	"constraint show":            {replaced((*pcsCommand).showConstraints, "constraint config", false), "-f --full"},
	"constraint list":            {replaced((*pcsCommand).showConstraints, "constraint config", false), "-f --full"},
	"constraint location":        {(*pcsCommand).location, "-f --force --full"},
	"constraint location config": {(*pcsCommand).showLocations, "-f --full"},
	"constraint remove":          {(*pcsCommand).removeConstraint, "-f"},
	"constraint delete":          {(*pcsCommand).removeConstraint, "-f"},

	"status":           {(*pcsCommand).status, "--full"},
	"status status":    {(*pcsCommand).status, "--full"},
	"status cluster":   {(*pcsCommand).clusterStatus, ""},
	"status pcsd":      {(*pcsCommand).statusPcsd, ""},
	"status nodes":     {(*pcsCommand).statusNodes, ""},
	"status resources": {(*pcsCommand).resources, "-f"},
	"status xml": {func(p *pcsCommand) int {
		return p.monitorXML2("/usr/sbin/crm_mon --one-shot --inactive --output-as xml")
	}, ""},
}

// replaced is a word of older releases: deprecated, or refused.
func replaced(run func(*pcsCommand) int, by string, refused bool) func(*pcsCommand) int {
	return func(p *pcsCommand) int {
		if refused {
			return p.Fail(1, "Error: This command has been replaced with 'pcs %s'. See 'man pcs' -> Changes in pcs-0.11.", by)
		}
		p.Fail(0, "Deprecation Warning: This command is deprecated and will be removed. Please use 'pcs %s' instead.", by)
		return run(p)
	}
}

// parseModern takes the options out of the words.
func (p *pcsCommand) parseModern() int {
	for i := 0; i < len(p.Args); i++ {
		a := p.Args[i]
		if !strings.HasPrefix(a, "-") || a == "-" {
			p.words = append(p.words, a)
			continue
		}
		if a == "--" {
			p.words = append(p.words, p.Args[i+1:]...)
			break
		}
		name, value, inline := strings.Cut(a, "=")
		if !slices.Contains(modernOptions, name) {
			return p.Fail(1, "Error: option %s not recognized\n\n%s", name, pcsUsage)
		}
		if slices.Contains(modernValued, name) && !inline {
			if i++; i >= len(p.Args) {
				return p.Fail(1, "Error: option %s requires argument\n\n%s", name, pcsUsage)
			}
			value = p.Args[i]
		}
		p.options[name] = value
	}
	return 0
}

const pcsUsage = "Usage: pcs [-f file] [-h] [commands]...\nControl and configure pacemaker and corosync."

// dispatchModern runs the command that the words name.
func (p *pcsCommand) dispatchModern() int {
	for n := min(3, len(p.words)); n > 0; n-- {
		name := strings.Join(p.words[:n], " ")
		verb, ok := modernVerbs[name]
		if !ok {
			continue
		}
		takes := strings.Fields(verb.options)
		var strange []string
		for _, o := range slices.Sorted(maps.Keys(p.options)) {
			if o != "--debug" && o != "--request-timeout" && !slices.Contains(takes, o) {
				strange = append(strange, "'"+o+"'")
			}
		}
		switch len(strange) {
		case 0:
		case 1:
			return p.Fail(1, "Error: Specified option %s is not supported in this command", strange[0])
		default:
			return p.Fail(1, "Error: Specified options %s are not supported in this command", strings.Join(strange, ", "))
		}
		p.group, p.Name = p.words[0], p.words[n-1]
		p.words = p.words[n:]
		p.file = p.options["-f"]
		return verb.run(p)
	}
	if len(p.words) == 0 {
		return p.Fail(1, "\n%s", pcsUsage)
	}
	return p.Fail(1, "\nUsage: pcs %s...\n(unknown to pcs %s, or to its simulation: %s)", p.words[0],
		p.software.dialect.Version(), strings.Join(p.words, " "))
}

// resourceShow is `resource show` and `stonith show`: gone in 0.11, deprecated in 0.10.
func (p *pcsCommand) resourceShow() int {
	by, run := p.group+" status", (*pcsCommand).resources
	if p.group == "stonith" {
		run = (*pcsCommand).stonithStatus
	}
	if p.has("--full") || len(p.words) > 0 {
		by, run = p.group+" config", (*pcsCommand).showResources
		if p.group == "stonith" {
			run = (*pcsCommand).showStonith
		}
	}
	return replaced(run, by, p.software.minor() >= 11)(p)
}

// refuse prints errors as pcs does when it has validated everything.
func (p *pcsCommand) refuse(problems ...string) int {
	for _, e := range problems {
		p.Fail(1, "Error: %s", e)
	}
	return p.Fail(1, "Error: Errors have occurred, therefore pcs is unable to continue")
}

// clusterProperties are the properties that pcs takes without --force.
var clusterProperties = strings.Fields(`batch-limit cluster-delay cluster-ipc-limit cluster-recheck-interval concurrent-fencing dc-deadtime election-timeout enable-acl enable-startup-probes fence-reaction
	join-finalization-timeout join-integration-timeout load-threshold maintenance-mode migration-limit no-quorum-policy node-action-limit node-health-base node-health-green node-health-red node-health-strategy
	node-health-yellow pe-error-series-max pe-input-series-max pe-warn-series-max placement-strategy priority-fencing-delay remove-after-stop shutdown-escalation shutdown-lock shutdown-lock-limit
	start-failure-is-fatal startup-fencing stonith-action stonith-enabled stonith-max-attempts stonith-timeout stonith-watchdog-timeout stop-all-resources stop-orphan-actions stop-orphan-resources
	symmetric-cluster transition-delay`)

// booleanProperties are those of them that are true or false.
var booleanProperties = strings.Fields(`concurrent-fencing enable-acl enable-startup-probes maintenance-mode remove-after-stop shutdown-lock start-failure-is-fatal startup-fencing stonith-enabled
	stop-all-resources stop-orphan-actions stop-orphan-resources symmetric-cluster`)

// strangeProperties says what pcs has against new values: it checks names and values from 0.11.4 on. Taking a property
// away is never checked but for its being there.
func (p *pcsCommand) strangeProperties() (strange []string) {
	if p.software.dialect.Version().Compare(pcs.Version{Major: 0, Minor: 11, Patch: 4}) < 0 {
		return nil
	}
	owned := []string{"cluster-infrastructure", "cluster-name", "dc-version", "have-watchdog", "last-lrm-refresh"}
	for _, w := range p.words {
		name, value, _ := strings.Cut(w, "=")
		switch {
		case slices.Contains(owned, name):
			strange = append(strange, "invalid cluster property option '"+name+"', allowed options are: '"+
				strings.Join(clusterProperties, "', '")+"'")
		case p.has("--force") || value == "":
		case !slices.Contains(clusterProperties, name):
			strange = append(strange, "invalid cluster property option '"+name+"', allowed options are: '"+
				strings.Join(clusterProperties, "', '")+"', use --force to override")
		case slices.Contains(booleanProperties, name) && !isBoolean(value):
			strange = append(strange, "'"+value+"' is not a valid "+name+
				" value, use a pacemaker boolean value: '0', '1', 'false', 'n', 'no', 'off', 'on', 'true', 'y', 'yes', use --force to override")
		}
	}
	return strange
}

func isBoolean(v string) bool {
	return slices.Contains([]string{"0", "1", "false", "n", "no", "off", "on", "true", "y", "yes"}, strings.ToLower(v))
}

// nodeAttribute is `pcs node attribute [--name NAME] [NODE [NAME=VALUE…]]`.
func (p *pcsCommand) nodeAttribute() int {
	if len(p.words) > 1 {
		node := p.next()
		return p.setNodeAttributes(node)
	}
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	only := p.next()
	p.Printf("Node Attributes:\n")
	for _, n := range d.nodes {
		if only != "" && n.Uname != only {
			continue
		}
		var pairs []string
		for _, a := range n.Attributes.Effective() {
			if name := p.options["--name"]; name == "" || name == a.Name {
				pairs = append(pairs, a.Name+"="+a.Value)
			}
		}
		slices.Sort(pairs)
		if len(pairs) > 0 {
			p.Printf(" %s: %s\n", n.Uname, strings.Join(pairs, " "))
		}
	}
	return 0
}

const defaultsWarning = "Warning: Defaults do not apply to resources which override them with their own defined values"

// defaultsModern is `pcs resource [op] defaults [config|update] [NAME=VALUE…]`.
func (p *pcsCommand) defaultsModern() int {
	verb := ""
	if len(p.words) > 0 && !strings.Contains(p.words[0], "=") {
		verb = p.next()
	}
	ofOperations := slices.Contains(p.Args, "op")
	d, err := p.document()
	if err != nil {
		return p.fail(err, "")
	}
	switch {
	case verb == "config" || verb == "" && len(p.words) == 0:
		sets := d.cib.ResourceDefaults()
		if ofOperations {
			sets = d.cib.OperationDefaults()
		}
		return p.showDefaults(sets)
	case verb != "" && verb != "update":
		return p.Fail(1, "\nUsage: pcs resource defaults...")
	case verb == "":
		group := "resource defaults"
		if ofOperations {
			group = "resource op defaults"
		}
		if p.software.minor() >= 12 {
			return p.Fail(1, "\nUsage: pcs %s...", group)
		}
		p.Fail(0, "Deprecation Warning: This command is deprecated and will be removed. Please use 'pcs %s update' instead.", group)
	}
	p.Fail(0, defaultsWarning)
	section, sets := "rsc_defaults", d.cib.ResourceDefaults()
	if ofOperations {
		section, sets = "op_defaults", d.cib.OperationDefaults()
	}
	for _, w := range p.words {
		name, value, _ := strings.Cut(w, "=")
		if err := p.setDefault(section, sets, name, value); err != nil {
			return p.fail(err, "unable to set defaults")
		}
	}
	return 0
}

// setDefault sets one default, or takes it away; the first makes the set, under the id that pcs gives it.
func (p *pcsCommand) setDefault(section string, sets pacemaker.AttributeSets, name, value string) error {
	set := section + "-meta_attributes"
	if len(sets) > 0 {
		set = sets[0].ID
	}
	id := set + "-" + name
	for _, s := range sets {
		for _, pair := range s.Pairs {
			if pair.Name == name {
				set, id = s.ID, pair.ID
			}
		}
	}
	pair := etree.NewElement("nvpair")
	element := etree.NewElement(section)
	within := element.CreateElement("meta_attributes")
	within.CreateAttr("id", set)
	for _, a := range [][2]string{{"id", id}, {"name", name}, {"value", value}} {
		pair.CreateAttr(a[0], a[1])
	}
	verb, root := byte('M'), element
	if value == "" {
		verb, root = 'D', pair
	} else {
		within.AddChild(pair)
	}
	doc := etree.NewDocument()
	doc.SetRoot(root)
	text, err := doc.WriteToString()
	if err != nil {
		return err
	}
	return p.change(verb, section, text, true)
}

func (p *pcsCommand) showDefaults(sets pacemaker.AttributeSets) int {
	if len(sets.Effective()) == 0 {
		p.Printf("No defaults set\n")
		return 0
	}
	for _, set := range sets {
		p.Printf("Meta Attrs: %s\n", set.ID)
		for _, pair := range sorted(set.Pairs) {
			p.Printf("  %s=%s\n", pair.Name, pair.Value)
		}
	}
	return 0
}

// sorted are pairs in the order of their names.
func sorted(pairs []pacemaker.NVPair) []pacemaker.NVPair {
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(a, b pacemaker.NVPair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}

// stonithHistory is `pcs stonith history [show [NODE]]`, as stonith_admin prints it.
func (p *pcsCommand) stonithHistory() int {
	if verb := p.next(); verb != "" && verb != "show" {
		return p.Fail(1, "\nUsage: pcs stonith history...")
	}
	if !p.node.up {
		return p.Fail(1, "Error: unable to get fencing history, is the cluster running?")
	}
	target := p.next()
	if target == "" {
		target = "*"
	}
	return p.history(target, "completed")
}
