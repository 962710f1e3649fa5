package cpstest

import (
	_ "embed" // for the sample deployment
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"strings"
	"time"
)

// The sample deployment: the guide's Hosts.csv (cps:598-609) with its six replica sets (cps:729-751).
var (
	//go:embed testdata/Hosts.csv
	sampleHosts string
	//go:embed testdata/mongoConfig.cfg
	sampleMongoConfig string
	//go:embed testdata/Configuration.csv
	sampleConfiguration string
)

// Options say what is deployed, who does the work at vCenter, and what goes wrong. The zero value is the guide's own example, with a
// person at vCenter who does what is due without being asked.
type Options struct {
	HostsCSV      string // text of Hosts.csv
	MongoConfig   string // text of mongoConfig.cfg
	Configuration string // text of Configuration.csv

	From  string    // the release at the start: 19.4.0
	To    string    // the release of the ISO image: 21.1.0
	Start time.Time // the virtual clock at the start

	SourceISO, TargetISO string // where the images of both releases lie on the Cluster Manager: /root/CPS_RELEASE.release.iso
	SourceOS, TargetOS   string // the beginning of the CentOS version before and after: 7.7.1908 and 8.1.1911
	Cloud                string // the machine with the clients of OpenStack, nova and neutron; none when empty
	Peer                 string // pcrfclient01 of another cluster, which shares arbitervip; none when empty
	EndpointsPerLB       int    // Diameter endpoints of a load balancer: 3
	OSGiPort             int    // OSGi console of a Policy Server: 9091

	Technician Technician
	Data       map[string]Data // by replica set (set01); what is not named is small and never falls behind

	ArbiterVIP   string // the address of arbitervip, which Hosts.csv does not name
	ArbiterVIPOn string // the pcrfclient that has it at the start: that of set 2, pcrfclient01
	// CorosyncCollides lets the corosync of one release take arbitervip although the one of the other release has it: they form no
	// cluster (cps:576), and the guide does not say that either keeps away.
	CorosyncCollides bool

	FreeKB      int64    // free space of the Cluster Manager's disk in kilobytes: 40 GB
	WhisperKB   int64    // size of Grafana's data on a pcrfclient in kilobytes: 5 GB
	DatastoreKB int64    // free space of the datastores in kilobytes, for provisioned VMs: 1 TB
	MonitDown   []string // load balancers whose monit.service does not run after they were deployed (cps:824-833)
	Stuck       []string // load balancers whose endpoints stay down when traffic comes back, until they are cleared (cps:1712)
	SKDB        bool     // sessions are found through SKDB, so there are no SkRings (cps:952)
	// AdminArbiterStops lets corosync take the arbiter of the ADMIN set down once in the rollback's enable (cps:1989).
	AdminArbiterStops bool
	// HtpasswdDiffers gives the two pcrfclients different .htpasswd files (cps:288).
	HtpasswdDiffers bool

	// RemovesArbiters makes migrate.sh take the arbiters on the VMs of a set out of their replica sets, and add them
	// again. The guide does not say which it does (cps:712).
	RemovesArbiters bool

	// DBUser is who has to log in to the databases (db_authentication_enabled TRUE); anybody may use them when it is nil.
	// Then there is a program mongo-login, too: the mongo shell that logs in by itself, as an operator writes one.
	DBUser *live.Credential

	// SignedFor are replica sets by label (SESSION-SET1) that may be without a primary: whoever planned the outage has
	// signed for it. Of any other set it is a violation.
	SignedFor []string

	// PatchFile is the path of a patch that lies on the Cluster Manager; none when empty. Patched is a patch that is
	// applied, everywhere, at the start; none when empty.
	PatchFile, Patched string
	PatchSum           string // what sha256sum prints of PatchFile; its own sum when empty

	ThirdSite ThirdSite // the arbiter of a GR system at a third site; none when its name is empty
	Migrated  bool      // the cluster has been migrated to To already
	// Geo is which site of a GR system this is, 1 or 2: qns_hb runs on its load balancers, and the members at the other
	// site have the release that they have before it is migrated. A cluster of its own when 0.
	Geo       int
	Monitored bool // the replica sets are in the lists that the monitoring of a GR system reads

	KPIs   []KPI   // commands of the site that tell how the calls fare
	Alarms *Alarms // commands of the site that silence its alarms; none when nil

	Keys *KeyOptions // the machines log in to each other by SSH keys; nobody does when nil

	// Trusting makes migrate.sh believe that its caller knows the order: it refuses nothing for its stage. The invariants must then
	// find what goes wrong.
	Trusting bool
}

// Technician is the person at vCenter: deletes VMs that are to be redeployed, deploys a new Cluster Manager and brings the old one back.
type Technician struct {
	Manual      bool          // acts only when told: DeleteVMs, DeployManager, RestoreManager, or the commands of host "world"
	DeleteAfter time.Duration // from the end of "disable set" to the VMs being gone: 10 minutes
	DeployAfter time.Duration // from the backup being off the machine to its being replaced: 15 minutes
}

// Data is how much a replica set holds, and how long its members may be away.
type Data struct {
	Bytes       int64         // copied to a member that comes back empty: 500 MB
	OplogWindow time.Duration // how far back the oplog reaches: a day
	// ApplyRate is how many seconds of oplog a member that was enabled applies in a second. Under 1 it falls behind, more and more, until its
	// oplog window is passed and it is RECOVERING (cps:1386); see Deployment.SetApplyRate. It catches up when 0.
	ApplyRate float64
}

const (
	defaultFreeKB      = 40 << 20
	defaultDatastoreKB = 1 << 30
	// backupKB is the free space that migrate.sh needs for the Cluster Manager's archive (cps:281).
	backupKB = 10 << 20
)

// version is a whole version that begins as is wanted: the usual one if it does.
func version(begins, usual string) string {
	if strings.HasPrefix(usual, begins) {
		return usual
	}
	return strings.TrimSuffix(begins, ".")
}

func (o Options) withDefaults() Options {
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	text(&o.HostsCSV, sampleHosts)
	text(&o.MongoConfig, sampleMongoConfig)
	text(&o.Configuration, sampleConfiguration)
	text(&o.From, "19.4.0")
	text(&o.To, "21.1.0")
	text(&o.SourceISO, isoPath(o.From))
	text(&o.TargetISO, isoPath(o.To))
	text(&o.ThirdSite.SourceISO, arbiterISO(o.From))
	text(&o.ThirdSite.TargetISO, arbiterISO(o.To))
	text(&o.ThirdSite.Zone, "UTC")
	o.SourceOS, o.TargetOS = version(o.SourceOS, "7.7.1908"), version(o.TargetOS, "8.1.1911")
	if o.EndpointsPerLB == 0 {
		o.EndpointsPerLB = 3
	}
	if o.OSGiPort == 0 {
		o.OSGiPort = 9091
	}
	text(&o.ArbiterVIP, "192.168.105.100")
	if o.Start.IsZero() {
		o.Start = time.Date(2021, 7, 20, 23, 0, 0, 0, time.UTC)
	}
	if o.FreeKB == 0 {
		o.FreeKB = defaultFreeKB
	}
	if o.WhisperKB == 0 {
		o.WhisperKB = 5 << 20
	}
	if o.DatastoreKB == 0 {
		o.DatastoreKB = defaultDatastoreKB
	}
	if o.Technician.DeleteAfter == 0 {
		o.Technician.DeleteAfter = 10 * time.Minute
	}
	if o.Technician.DeployAfter == 0 {
		o.Technician.DeployAfter = 15 * time.Minute
	}
	return o
}
