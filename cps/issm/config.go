package issm

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/cps/internal/steps"
)

// Platform is what the VMs of a cluster run on; it decides how they are deployed (cps:779-784) and who assigns the
// virtual addresses (cps:836).
type Platform string

// The platforms of the guide.
const (
	VMware    Platform = "vmware"
	OpenStack Platform = "openstack"
)

// Config says what an in-service migration is to do where the guide leaves a choice. The zero value of a field is its default.
//
// The control names of the VMs, by which a run finds its way to them, are their aliases in Hosts.csv.
type Config struct {
	ClusterManager string `yaml:"cluster_manager"` // control name of the Cluster Manager, also called the installer; "cluman"
	// where the Status API answers, as the Cluster Manager itself reaches it; "localhost" (cps:464)
	StatusHost string   `yaml:"status_host"`
	Platform   Platform `yaml:"platform" oneof:"vmware,openstack"` // vmware or openstack; "vmware"

	From      string `yaml:"from"`       // release to migrate from; "19.4.0"
	To        string `yaml:"to"`         // release to migrate to; "21.1.0"
	SourceOS  string `yaml:"source_os"`  // beginning of the CentOS version before; "7."
	TargetOS  string `yaml:"target_os"`  // beginning of the CentOS version after; "8.1" (cps:521)
	SourceISO string `yaml:"source_iso"` // the image mounted before; where it is given, taking the migration back mounts it again
	TargetISO string `yaml:"target_iso"` // the image on the Cluster Manager; "/root/CPS_21.1.0.release.iso", of To

	// ArchiveDir is a directory on the operator's machine. Every archive is copied there, and checked, before the machine that it
	// was made on is destroyed (cps:439,1915). Required.
	ArchiveDir string `yaml:"archive_dir"`

	// Set1 and Set2 are the cluster-upgrade sets where they are not those that create-cluster-sets.sh makes: after a repair (cps:631).
	Set1 cps.ClusterSet `yaml:"set1"`
	Set2 cps.ClusterSet `yaml:"set2"`

	Provision        bool `yaml:"provision"`          // provision the VMs beforehand: faster, more disk, VMware only (cps:633-648)
	NoSSH            bool `yaml:"nossh"`              // deploy through vCenter: --nossh (cps:648)
	UseCL            bool `yaml:"usecl"`              // deploy from content libraries: --usecl, needs NoSSH (cps:648)
	UseSharedStorage bool `yaml:"use_shared_storage"` // shared or single storage: deploy.sh for each VM, VMware only (cps:774)

	// SingleClusterCorosync moves arbitervip to the new corosync by "monit stop corosync" on pcrfclient01 (cps:665);
	// CorosyncOrder says when.
	SingleClusterCorosync bool `yaml:"single_cluster_corosync"`
	// CorosyncOrder is guide to stop it before set 1 is disabled, as the guide has it: then nobody has arbitervip while
	// set 1 is redeployed, and each replica set that lives by its arbiter's vote must be in accept_no_majority; "late".
	CorosyncOrder CorosyncOrder `yaml:"corosync_order,omitempty" oneof:"late,guide"`
	// ArbiterVIP is the address of arbitervip, where Deploy does not give it. With it the run watches that one host has it.
	ArbiterVIP string `yaml:"arbitervip,omitempty"`
	// PeerPcrfclient is the control name of the other cluster's pcrfclient01, where arbitervip is shared between two
	// clusters: its corosync is stopped before set 2 is deployed (cps:671).
	PeerPcrfclient string `yaml:"peer_pcrfclient"`

	RemoveUdevRules bool `yaml:"remove_udev_rules"` // remove two udev files on the old Cluster Manager and reboot it (cps:368-375)
	SkipCarbon      bool `yaml:"skip_carbon"`       // do not carry Grafana and bulk statistics over: hours faster (cps:542-558)
	// ClearWhisper deletes Grafana's data that are older than 90 days, before the migration: then less is copied (cps:560).
	ClearWhisper bool `yaml:"clear_whisper,omitempty"`
	// WhisperGB is the size of Grafana's data on the pcrfclient that is copied, in GB as du counts: for the plan of the
	// maintenance window alone. Where it is 0 that counts the 55 GB of the guide's example (cps:558).
	WhisperGB float64 `yaml:"whisper_gb,omitempty"`
	// Cloud says how the VMs are booted on OpenStack; the operator does it without being told the commands when nil.
	Cloud *Cloud `yaml:"openstack,omitempty"`
	// UpgradeLogger puts the debug logger into logback.xml of the Cluster Manager before the migration, and takes it
	// out at its end, in the place of asking for both (cps:293-299).
	UpgradeLogger bool `yaml:"upgrade_logger,omitempty"`
	StaticRoutes  bool `yaml:"static_routes"` // ask for the route files after the VMs are deployed (cps:880)
	// Routes are the route files: they are copied and proven, and StaticRoutes is not asked for.
	Routes []RouteFile `yaml:"-"`
	SKDB   bool        `yaml:"skdb"` // the cluster has no SkRings (cps:952)
	// AcceptNoMajority names replica sets by label (SESSION-SET1) to which nobody can write while a half is away, because
	// their arbiter goes with it. Whoever names one signs for the outage; without it such a plan is refused.
	AcceptNoMajority []string `yaml:"accept_no_majority"`
	// SKRingsDone is what skRingRebuildStatus prints when the rebuild has ended; "COMPLETED". The guide does not show it.
	SKRingsDone string `yaml:"skrings_done"`
	RestartAll  bool   `yaml:"restart_all"` // restartall.sh at the end; drops messages (cps:1350-1354)
	RemoveISO   bool   `yaml:"remove_iso"`  // delete the image at the end (cps:2003-2010)

	// Geo says which site of a GR system the cluster is; a cluster of its own when nil.
	Geo *Geo `yaml:"geo,omitempty"`

	EndpointsPerLB int `yaml:"endpoints_per_lb"` // Diameter endpoints of a load balancer; 3 (cps:972-987)
	OSGiPort       int `yaml:"osgi_port"`        // OSGi console of a Policy Server; 9091

	// Attestations are things that the operator must confirm before anything is changed, besides those of the guide.
	Attestations []string `yaml:"attestations,omitempty"`

	// Deploy is the deploy folder that Hosts.csv is from, where it is at hand: its other tables are compared with the configuration and
	// with mongoConfig.cfg, and give the platform, the secrets and the address of arbitervip.
	Deploy *cps.Deploy `yaml:"-"`

	// KPIs are watched before, between and after the halves: each is a gate. None is watched when empty.
	KPIs     []KPI    `yaml:"kpis,omitempty"`
	KPILooks KPILooks `yaml:"kpi_looks,omitempty"` // how they are looked at

	// Alarms says how the alarms are silenced while the migration runs; nobody silences them when nil.
	Alarms *Alarms `yaml:"alarms,omitempty"`

	// Secrets are values that no text of the migration may show, such as those of Configuration.Secrets.
	Secrets []cps.Secret `yaml:"-"`

	// Tools are the programs that the guide calls by name, where a login without a profile does not find them.
	Tools Tools `yaml:"tools"`
}

// Tools are paths of programs on the Cluster Manager. The zero value of a field is the name alone.
type Tools struct {
	Diagnostics string `yaml:"diagnostics"` // diagnostics.sh
	About       string `yaml:"about"`       // about.sh
	RestartAll  string `yaml:"restartall"`  // restartall.sh
	Mongo       string `yaml:"mongo"`       // mongo
}

// validate wants programs, and no command lines.
func (t Tools) validate() (errs []error) {
	for _, tool := range [][2]string{{"diagnostics", t.Diagnostics}, {"about", t.About}, {"restartall", t.RestartAll}, {"mongo", t.Mongo}} {
		if err := steps.CheckTool(tool[0], tool[1]); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Paths of the guide on the Cluster Manager.
const (
	isoMount         = "/mnt/iso"
	migrateScript    = isoMount + "/migrate.sh"
	archiveDir       = "/var/tmp"
	createSetsScript = "/var/qps/install/current/scripts/create-cluster-sets.sh"
	deployAllScript  = "/var/qps/install/current/scripts/deployer/support/deploy_all.py"
	deployOneScript  = "/var/qps/install/current/scripts/deployer/deploy.sh"
	grafanaScript    = "/var/qps/bin/support/grafana_sync.sh"
	hostsPath        = "/var/qps/config/deploy/csv/Hosts.csv"
	mongoConfigPath  = "/etc/broadhop/mongoConfig.cfg"
	htpasswdPath     = "/var/broadhop/.htpasswd" // #nosec G101 -- a path
)

// withDefaults fills in what is not given.
func (c Config) withDefaults() Config {
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	text(&c.ClusterManager, "cluman")
	text(&c.StatusHost, "localhost")
	if c.Platform == "" {
		c.Platform = VMware
	}
	text(&c.From, "19.4.0")
	text(&c.To, "21.1.0")
	text(&c.SourceOS, "7.")
	text(&c.TargetOS, "8.1")
	text(&c.TargetISO, "/root/CPS_"+c.To+".release.iso")
	if c.EndpointsPerLB == 0 {
		c.EndpointsPerLB = 3
	}
	if c.OSGiPort == 0 {
		c.OSGiPort = 9091
	}
	if c.CorosyncOrder == "" {
		c.CorosyncOrder = CorosyncLate
	}
	text(&c.SKRingsDone, "COMPLETED")
	c.Geo = c.Geo.withDefaults()
	if len(c.KPIs) > 0 {
		c.KPILooks = c.KPILooks.withDefaults()
	}
	text(&c.Tools.Diagnostics, "diagnostics.sh")
	text(&c.Tools.About, "about.sh")
	text(&c.Tools.RestartAll, "restartall.sh")
	text(&c.Tools.Mongo, "mongo")
	return c
}

// Validate finds every choice that the guide does not allow, or that contradicts another.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Platform != VMware && c.Platform != OpenStack {
		bad("platform %q: it must be %s or %s", c.Platform, VMware, OpenStack)
	}
	if c.ArchiveDir == "" {
		bad("archive_dir is missing: the archives must be copied off the machines that are destroyed (cps:439)")
	}
	errs = append(errs, c.validateReleases()...)
	for _, iso := range []string{c.SourceISO, c.TargetISO} {
		if iso != "" && (!path.IsAbs(iso) || path.Ext(iso) != ".iso") {
			bad("image %q: it must be the absolute path of an .iso file", iso)
		}
	}
	if c.SourceISO == c.TargetISO {
		bad("source_iso and target_iso are the same file")
	}
	if (len(c.Set1) == 0) != (len(c.Set2) == 0) {
		bad("set1 and set2 must be given together")
	}
	if c.Platform == OpenStack && (c.Provision || c.NoSSH || c.UseCL || c.UseSharedStorage) {
		bad("provision, nossh, usecl and use_shared_storage are for VMware only (cps:635)")
	}
	if c.UseCL && !c.NoSSH {
		bad("usecl needs nossh (cps:648)")
	}
	if c.Provision && c.NoSSH {
		bad("provision and nossh exclude each other: --nossh stands in the place of --provision and --useprovision (cps:648)")
	}
	if c.NoSSH && c.UseSharedStorage {
		bad("nossh and use_shared_storage exclude each other: deploy.sh has no such option (cps:774)")
	}
	if c.Provision && c.UseSharedStorage {
		bad("provision and use_shared_storage exclude each other: deploy.sh cannot provision (cps:774)")
	}
	if c.SingleClusterCorosync && c.PeerPcrfclient != "" {
		bad("single_cluster_corosync and peer_pcrfclient exclude each other: arbitervip is either in one cluster or between two (cps:665,671)")
	}
	switch c.CorosyncOrder {
	case CorosyncLate:
	case CorosyncGuide:
		if !c.SingleClusterCorosync {
			bad("corosync_order %s needs single_cluster_corosync: it says when the old corosync is stopped (cps:665)", CorosyncGuide)
		}
	default:
		bad("corosync_order %q: it must be %s or %s", c.CorosyncOrder, CorosyncLate, CorosyncGuide)
	}
	if addr, err := netip.ParseAddr(c.ArbiterVIP); c.ArbiterVIP != "" && (err != nil || addr.Zone() != "") {
		bad("arbitervip %q is no IP address", c.ArbiterVIP)
	}
	if c.ClearWhisper && c.SkipCarbon {
		bad("clear_whisper and skip_carbon exclude each other: what is not copied need not be cleared (cps:554,560)")
	}
	if c.StaticRoutes && len(c.Routes) > 0 {
		bad("static_routes and route_files exclude each other: the files are copied, or the operator is asked for them (cps:880)")
	}
	if !(c.WhisperGB >= 0 && c.WhisperGB < 1e6) {
		bad("whisper_gb %g is no size in GB", c.WhisperGB)
	}
	if c.OSGiPort < 1 || c.OSGiPort > 65535 {
		bad("osgi_port %d is no port", c.OSGiPort)
	}
	errs = append(errs, steps.CheckEndpoints(c.EndpointsPerLB))
	errs = append(append(errs, c.Tools.validate()...), c.Geo.validate()...)
	errs = append(append(errs, c.validateKPIs()...), c.Alarms.validate()...)
	errs = append(errs, c.Cloud.validate(c.Platform)...)
	for i, text := range c.Attestations {
		if strings.TrimSpace(text) == "" {
			bad("attestation %d is empty", i+1)
		}
	}
	return errors.Join(errs...)
}

var osVersion = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)*\.?$`)

func (c Config) validateReleases() []error {
	from, err1 := cps.ParseRelease(c.From)
	to, err2 := cps.ParseRelease(c.To)
	if err1 != nil || err2 != nil {
		return []error{err1, err2}
	}
	var errs []error
	for _, f := range cps.CheckMigration(from, to) {
		if f.Severity == cps.Error {
			errs = append(errs, errors.New(f.String()))
		}
	}
	for key, version := range map[string]string{"source_os": c.SourceOS, "target_os": c.TargetOS} {
		if !osVersion.MatchString(version) {
			errs = append(errs, fmt.Errorf("%s %q is not the beginning of a CentOS version, such as 7. or 8.1", key, version))
		}
	}
	if strings.HasPrefix(c.SourceOS, c.TargetOS) || strings.HasPrefix(c.TargetOS, c.SourceOS) {
		errs = append(errs, fmt.Errorf("source_os %s and target_os %s cannot be told apart: a new machine is known by its system",
			c.SourceOS, c.TargetOS))
	}
	return errs
}

// Bounds on the long commands. They are generous: what they end is no longer known, and must be looked at.
const (
	managerTime = 2 * time.Hour
	disableTime = 3 * time.Hour
	deployTime  = 8 * time.Hour
)

// enableTime allows for the copying of 55 GB of whisper files, which takes up to 20 hours (cps:558).
func (c Config) enableTime() time.Duration {
	if c.SkipCarbon {
		return 6 * time.Hour
	}
	return 30 * time.Hour
}
