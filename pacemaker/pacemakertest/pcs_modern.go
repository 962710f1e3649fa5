package pacemakertest

import (
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

// A command of pcs 0.10 and later is found by its words, the longest first, and takes the options of its own only.

type modernVerb struct {
	run     func(*pcs) int
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
	"host auth":           {(*pcs).hostAuth, "-u -p"},
	"cluster setup":       {(*pcs).setupModern, "--force --enable --start --wait --no-cluster-uuid --no-keys-sync --corosync_conf"},
	"cluster start":       {(*pcs).start, "--all --wait --force"},
	"cluster stop":        {(*pcs).stop, "--all --force"},
	"cluster enable":      {(*pcs).enable, "--all"},
	"cluster disable":     {(*pcs).enable, "--all"},
	"cluster destroy":     {(*pcs).destroy, "--all --force"},
	"cluster node add":    {(*pcs).nodeAdd, "--force --enable --start --wait --skip-offline"},
	"cluster node remove": {(*pcs).nodeRemove, "--force --skip-offline"},
	"cluster node delete": {(*pcs).nodeRemove, "--force --skip-offline"},
	"cluster cib":         {(*pcs).showCIB, "-f --config"},
	"cluster cib-push":    {(*pcs).pushCIB, "--config --wait"},
	"cluster status":      {(*pcs).clusterStatus, ""},
	"node standby":        {(*pcs).standby, "-f --all --wait"},
	"node unstandby":      {(*pcs).standby, "-f --all --wait"},
	"node attribute":      {(*pcs).nodeAttribute, "-f --force --name"},

	"property":             {(*pcs).propertyConfig, "-f --full"},
	"property config":      {(*pcs).propertyConfig, "-f --full --all"},
	"property show":        {replaced((*pcs).propertyConfig, "property config", false), "-f --full --all"},
	"property list":        {replaced((*pcs).propertyConfig, "property config", false), "-f --full --all"},
	"property set":         {(*pcs).setProperty, "-f --force"},
	"property unset":       {(*pcs).unsetProperty, "-f --force"},
	"resource":             {(*pcs).resources, "-f"},
	"resource status":      {(*pcs).resources, "-f"},
	"resource show":        {(*pcs).resourceShow, "-f --full"},
	"resource config":      {(*pcs).showResources, "-f --output-format"},
	"resource create":      {(*pcs).createResource, "-f --force --disabled --wait --no-default-ops"},
	"resource delete":      {(*pcs).deleteResource, "-f --force --wait"},
	"resource remove":      {(*pcs).deleteResource, "-f --force --wait"},
	"resource enable":      {(*pcs).enableResource, "-f --wait"},
	"resource disable":     {(*pcs).enableResource, "-f --wait --safe --simulate --no-strict"},
	"resource cleanup":     {(*pcs).cleanup, ""},
	"resource refresh":     {(*pcs).refresh, "--force --full"},
	"resource relocate":    {(*pcs).relocate, ""},
	"resource defaults":    {(*pcs).defaultsModern, "-f --force --full"},
	"resource op defaults": {(*pcs).defaultsModern, "-f --force --full"},

	"stonith":         {(*pcs).stonithStatus, "-f"},
	"stonith status":  {(*pcs).stonithStatus, "-f"},
	"stonith show":    {(*pcs).resourceShow, "-f --full"},
	"stonith config":  {(*pcs).showStonith, "-f --output-format"},
	"stonith create":  {(*pcs).createStonith, "-f --force --disabled --wait --no-default-ops"},
	"stonith delete":  {(*pcs).deleteResource, "-f --force"},
	"stonith enable":  {(*pcs).enableResource, "-f --wait"},
	"stonith disable": {(*pcs).enableResource, "-f --wait"},
	"stonith history": {(*pcs).stonithHistory, ""},

	"constraint":                 {(*pcs).showConstraints, "-f --full"},
	"constraint config":          {(*pcs).showConstraints, "-f --full"},
	"constraint show":            {replaced((*pcs).showConstraints, "constraint config", false), "-f --full"},
	"constraint list":            {replaced((*pcs).showConstraints, "constraint config", false), "-f --full"},
	"constraint location":        {(*pcs).location, "-f --force --full"},
	"constraint location config": {(*pcs).showLocations, "-f --full"},
	"constraint remove":          {(*pcs).removeConstraint, "-f"},
	"constraint delete":          {(*pcs).removeConstraint, "-f"},

	"status":           {(*pcs).status, "--full"},
	"status status":    {(*pcs).status, "--full"},
	"status cluster":   {(*pcs).clusterStatus, ""},
	"status pcsd":      {(*pcs).statusPcsd, ""},
	"status nodes":     {(*pcs).statusNodes, ""},
	"status resources": {(*pcs).resources, "-f"},
	"status xml":       {func(p *pcs) int { return p.monitorXML2("/usr/sbin/crm_mon --one-shot --inactive --output-as xml") }, ""},
}

// replaced is a word of older releases: deprecated, or refused.
func replaced(run func(*pcs) int, by string, refused bool) func(*pcs) int {
	return func(p *pcs) int {
		if refused {
			return p.Fail(1, "Error: This command has been replaced with 'pcs %s'. See 'man pcs' -> Changes in pcs-0.11.", by)
		}
		p.Fail(0, "Deprecation Warning: This command is deprecated and will be removed. Please use 'pcs %s' instead.", by)
		return run(p)
	}
}

// parseModern takes the options out of the words.
func (p *pcs) parseModern() int {
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
func (p *pcs) dispatchModern() int {
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
	return p.Fail(1, "\nUsage: pcs %s...\n(unknown to pcs %s, or to its simulation: %s)", p.words[0], p.software.dialect.Version(), strings.Join(p.words, " "))
}

// resourceShow is `resource show` and `stonith show`: gone in 0.11, deprecated in 0.10.
func (p *pcs) resourceShow() int {
	by, run := p.group+" status", (*pcs).resources
	if p.group == "stonith" {
		run = (*pcs).stonithStatus
	}
	if p.has("--full") || len(p.words) > 0 {
		by, run = p.group+" config", (*pcs).showResources
		if p.group == "stonith" {
			run = (*pcs).showStonith
		}
	}
	return replaced(run, by, p.software.minor() >= 11)(p)
}

// refuse prints errors as pcs does when it has validated everything.
func (p *pcs) refuse(problems ...string) int {
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

// strangeProperties says what pcs has against new values: it checks names and values from 0.11.4 on. Taking a property away is never checked but for its being there.
func (p *pcs) strangeProperties() (strange []string) {
	if p.software.dialect.Version().Compare(pacemaker.PCSVersion{Major: 0, Minor: 11, Patch: 4}) < 0 {
		return nil
	}
	owned := []string{"cluster-infrastructure", "cluster-name", "dc-version", "have-watchdog", "last-lrm-refresh"}
	for _, w := range p.words {
		name, value, _ := strings.Cut(w, "=")
		switch {
		case slices.Contains(owned, name):
			strange = append(strange, "invalid cluster property option '"+name+"', allowed options are: '"+strings.Join(clusterProperties, "', '")+"'")
		case p.has("--force") || value == "":
		case !slices.Contains(clusterProperties, name):
			strange = append(strange, "invalid cluster property option '"+name+"', allowed options are: '"+strings.Join(clusterProperties, "', '")+"', use --force to override")
		case slices.Contains(booleanProperties, name) && !isBoolean(value):
			strange = append(strange, "'"+value+"' is not a valid "+name+" value, use a pacemaker boolean value: '0', '1', 'false', 'n', 'no', 'off', 'on', 'true', 'y', 'yes', use --force to override")
		}
	}
	return strange
}

func isBoolean(v string) bool {
	return slices.Contains([]string{"0", "1", "false", "n", "no", "off", "on", "true", "y", "yes"}, strings.ToLower(v))
}

// nodeAttribute is `pcs node attribute [--name NAME] [NODE [NAME=VALUE…]]`.
func (p *pcs) nodeAttribute() int {
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
func (p *pcs) defaultsModern() int {
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
func (p *pcs) setDefault(section string, sets pacemaker.AttributeSets, name, value string) error {
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

func (p *pcs) showDefaults(sets pacemaker.AttributeSets) int {
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
func (p *pcs) stonithHistory() int {
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
