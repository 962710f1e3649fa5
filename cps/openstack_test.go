package cps_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

func boots(t testing.TB, in string) []cps.Boot {
	t.Helper()
	list, err := cps.ParseBoots(text("boots", in))
	require.NoError(t, err)
	return list
}

// CPS-035, CPS-071: the guide's commands, as typed data and as commands again.
func TestParseBootsGuide(t *testing.T) {
	var b strings.Builder
	for _, set := range []string{"1", "2"} {
		list := boots(t, fixture(t, "nova-boot-set"+set+".txt"))
		require.Len(t, list, 5)
		for _, boot := range list {
			cmd, err := boot.Command()
			if err != nil {
				fmt.Fprintln(&b, err)
				continue
			}
			require.Equal(t, sshexec.Mutating, cmd.Effect)
			again := boots(t, cmd.String())
			again[0].Line = boot.Line
			require.Equal(t, boot, again[0])
			fmt.Fprintln(&b, cmd)
		}
	}
	golden.Check(t, "nova-boot.txt", b.String())
	first := boots(t, fixture(t, "nova-boot-set1.txt"))[0]
	require.Equal(t, cps.Boot{
		Name: "pcrfclient02", UserData: "pcrfclient02-cloud.cfg", Image: "new_base_vm", Flavor: "pcrfclient02",
		NICs: []cps.NIC{
			{NetID: "c3df93c2-c2bb-4143-8bb6-b4ec6df65e53", FixedIP: netip.MustParseAddr("172.16.2.21")},
			{NetID: "4759babe-491a-4c1a-a028-ec4daefa1662", FixedIP: netip.MustParseAddr("172.18.11.153")},
		},
		Volumes: []cps.Volume{{Device: "/dev/vdb", ID: "50914841-70e5-44c1-9be6-019f96a3b9fe"}},
		Zone:    "az-2:os8-compute-2.cisco.com", Line: first.Line,
	}, first)
}

// CPS-041: the net-id of set 2 has a letter for a digit, and no command is made of it.
func TestBootWithAnIDThatIsNone(t *testing.T) {
	for _, boot := range boots(t, fixture(t, "nova-boot-set2.txt"))[:3] {
		_, err := boot.Command()
		require.ErrorIs(t, err, cps.ErrNotUUID)
		require.ErrorContains(t, err, "did a letter slip in for a digit (4759babe-491a-4c1a-a028-ec4daefa1662)?")
	}
}

const oneBoot = "nova boot --config-drive true --user-data=lb01-cloud.cfg --image new_base_vm --flavor lb01 " +
	"--nic net-id=c3df93c2-c2bb-4143-8bb6-b4ec6df65e53,v4-fixed-ip=172.16.2.201 lb01 --availability-zone az-1:c1"

func TestBootCheck(t *testing.T) {
	good := boots(t, oneBoot)[0]
	require.NoError(t, good.Check())
	for want, spoil := range map[string]func(*cps.Boot){
		"is not the alias of a VM":            func(b *cps.Boot) { b.Name = "--debug" },
		"the user data is missing":            func(b *cps.Boot) { b.UserData = "" },
		"and not lb01-cloud.cfg":              func(b *cps.Boot) { b.UserData = "lb02-cloud.cfg" },
		"the image is missing, or is not":     func(b *cps.Boot) { b.Image = "-x" },
		"the flavor is missing":               func(b *cps.Boot) { b.Flavor = "" },
		"the availability zone is":            func(b *cps.Boot) { b.Zone = "a;b" },
		"no network is given":                 func(b *cps.Boot) { b.NICs = nil },
		"net-id \"x\" is not a UUID":          func(b *cps.Boot) { b.NICs[0].NetID = "x" },
		"address 172.16.2.201 given twice":    func(b *cps.Boot) { b.NICs = append(b.NICs, b.NICs[0]) },
		"volume \"\" is not a UUID":           func(b *cps.Boot) { b.Volumes = []cps.Volume{{Device: "/dev/vdb"}} },
		"would be deleted with the VM":        func(b *cps.Boot) { b.Volumes = []cps.Volume{{"/dev/vdb", good.NICs[0].NetID, true}} },
		"or has no device":                    func(b *cps.Boot) { b.Volumes = []cps.Volume{{"vdb", good.NICs[0].NetID, false}} },
		"an option that is not known":         func(b *cps.Boot) { b.Other = []string{"--a b=c"} },
		"is not --NAME=VALUE, or may hold a ": func(b *cps.Boot) { b.Other = []string{"--admin-password=Hunter2"} },
	} {
		bad := boots(t, oneBoot)[0]
		spoil(&bad)
		require.ErrorContains(t, bad.Check(), want)
		require.NotContains(t, bad.Check().Error(), "Hunter2")
		_, err := bad.Command()
		require.Error(t, err)
	}
	six := boots(t, strings.Replace(oneBoot, "v4-fixed-ip=172.16.2.201", "v6-fixed-ip=2001:db8::1", 1)+" --key-name=ops")[0]
	cmd, err := six.Command()
	require.NoError(t, err)
	require.Contains(t, cmd.String(), "v6-fixed-ip=2001:db8::1 --key-name=ops lb01")
}

func TestParseBootsErrors(t *testing.T) {
	with := func(old, latest string) string { return strings.Replace(oneBoot, old, latest, 1) }
	for in, want := range map[string]string{
		"":                                "b:1: no nova boot command",
		"reboot\n":                        `b:1:1: not a nova boot command, nor a part of one: near "reboot"`,
		with("--config-drive true", ""):   "b:1:1: --config-drive is not true",
		with("drive true", "drive false"): "--config-drive is not true",
		with("lb01 --avail", "lb01 lb02 --avail"): `two names: "lb01" and "lb02"`,
		oneBoot + " --availability-zone":          "option --availability-zone has no value",
		oneBoot + " --image x":                    "option --image given twice",
		oneBoot + " --poll":                       `option "--poll" is not known`,
		oneBoot + " --key-name ops":               `option "--key-name" is not known`,
		oneBoot + "; reboot":                      "what a shell works out",
		oneBoot + " $(reboot)":                    "what a shell works out",
		oneBoot + ` "x`:                           "a quote that is not closed",
		with("v4-fixed-ip", "v6-fixed-ip"):        "v6-fixed-ip of --nic is not such an address",
		with("v4-fixed-ip", "port-id"):            "--nic must be net-id=UUID",
		with("2.201", "2.256"):                    "v4-fixed-ip of --nic is not such an address",
		oneBoot + " --block-device-mapping x":     "--block-device-mapping must be DEVICE=ID:::0",
		with("v4-fixed", "net-id=x,v4-fixed"):     "--nic must be net-id=UUID",
		oneBoot + " --password Hunter2-canary":    `option "--password" is not known`,
	} {
		_, err := cps.ParseBoots(text("b", in))
		requireError(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	list := boots(t, "[root@os8 cloud(keystone)]# "+strings.Replace(oneBoot, " --image", " \\\n  --image", 1)+
		"\n[root@os8 ~]# nova boot "+oneBoot[10:])
	require.Len(t, list, 2)
	require.True(t, boots(t, oneBoot+" --block-device-mapping /dev/vdb=a:::1")[0].Volumes[0].DeleteWithVM)
}

// CPS-071: the commands make the VMs of Hosts.csv, with their addresses.
func TestReviewBoots(t *testing.T) {
	h, err := cps.ParseHosts(text("Hosts.csv", "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,\n"+
		"c1,lb01,lb01,lb01,d,,172.16.2.201,172.18.11.154,\n"))
	require.NoError(t, err)
	b := boots(t, oneBoot)[0]
	require.Contains(t, fmt.Sprint(cps.ReviewBoots(h, []cps.Boot{b})), "lb01 is booted without its Management address 172.18.11.154")
	b.NICs = append(b.NICs, cps.NIC{NetID: b.NICs[0].NetID, FixedIP: netip.MustParseAddr("172.18.11.154")})
	require.Empty(t, cps.ReviewBoots(h, []cps.Boot{b}))
	require.Contains(t, fmt.Sprint(cps.ReviewBoots(h, []cps.Boot{b, b})), "lb01 is booted twice")
	other := b
	other.NICs = append([]cps.NIC{{}, {FixedIP: netip.MustParseAddr("172.16.2.9")}}, b.NICs...)
	found := fmt.Sprint(cps.ReviewBoots(h, []cps.Boot{other, {Name: "lb09"}}))
	for _, want := range []string{"a network that chooses the address",
		"booted with 172.16.2.9, which is no address of it", "lb09 is booted and is no VM of it"} {
		require.Contains(t, found, want)
	}
}

// CPS-035: the user data of a VM.
func TestParseUserData(t *testing.T) {
	in := fixture(t, "pcrfclient02-cloud.cfg")
	u, err := cps.ParseUserData(text("/root/pcrfclient02-cloud.cfg", in))
	require.NoError(t, err)
	require.Equal(t, in, printed(t, u))
	require.Equal(t, "pcrfclient02", u.Alias)
	require.Equal(t, "pcrfclient02", u.Hostname)
	require.Equal(t, []string{"hostname", "write_files", "chpasswd", "runcmd"}, u.Keys)
	require.Equal(t, map[string]netip.Addr{"eth0": netip.MustParseAddr("172.16.2.21"),
		"eth1": netip.MustParseAddr("172.18.11.153")}, u.Interfaces)
	require.Len(t, u.Files, 3)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %v", u, *u, u, u.Findings()), "Hunter2")

	h, err := cps.ParseHosts(text("Hosts.csv", "Hypervisor Name,Guest Name,Role,Alias,Datastore,Networks -->,Internal,Management,\n"+
		"c,p,pcrfclient02,pcrfclient02,d,,172.16.2.21,172.18.11.153,\nc,q,pcrfclient01,pcrfclient01,d,,172.16.2.20,172.18.11.153,\n"))
	require.NoError(t, err)
	require.Equal(t, u.Findings(), u.Review(h.Rows[0]))
	found := fmt.Sprint(u.Review(h.Rows[1]))
	require.Contains(t, found, "the file is for pcrfclient02 and not for pcrfclient01")
	require.Contains(t, found, "it gives eth0 the address 172.16.2.21, which is not one of pcrfclient01")
	require.NotContains(t, found, "eth1")

	u, err = cps.ParseUserData(text("lb01-cloud.cfg",
		"#cloud-config\nfqdn: lb02.x\nwrite_files:\n- {path: /a}\n- {path: /a, content: 1}\npassword: Hunter2\n"))
	require.NoError(t, err)
	found = fmt.Sprint(u.Findings())
	for _, want := range []string{`for lb01, and the VM will be called "lb02"`, "/a is written twice, first by line 4",
		"what looks like a secret"} {
		require.Contains(t, found, want)
	}
	require.NotContains(t, found, "Hunter2")
}

func TestParseUserDataErrors(t *testing.T) {
	const c = "#cloud-config\n"
	for in, want := range map[string]string{
		"":                                      "u:1:1: the first line must be #cloud-config",
		"# cloud-config\na: b\n":                "u:1:1: the first line must be #cloud-config",
		"\ufeff" + c + "a: b\n":                 "u:1:1: the first line must be",
		"## template: jinja\n" + c + "a: b\n":   "u:1:1: the first line must be",
		"#!/bin/sh\ncanary\n":                   "u:1:1: the first line must be",
		c:                                       "u:1:1: not one YAML document",
		c + "- canary\n":                        "u:1:1: not a YAML mapping",
		c + "a: b\n---\nc: d\n":                 "u:1:1: not one YAML document",
		c + "a: b\na: canary\n":                 "u:3:1: a key is given twice, first on line 2",
		c + "x:\n - a: 1\n   a: canary\n":       "u:4:4: a key is given twice, first on line 3",
		c + "a: *canary\n":                      "not one YAML document",
		c + "\ta: canary\n":                     "not one YAML document",
		c + "write_files: {}\n":                 "u:2:14: write_files must be a list",
		c + "write_files:\n - canary\n":         "u:3:4: an entry of write_files must have an absolute path",
		c + "write_files:\n - path: canary\n":   "u:3:4: an entry of write_files must have an absolute path",
		c + "write_files:\n - path: [canary]\n": "u:3:4: an entry of write_files must have an absolute path",
		c + "hostname: [canary]\n":              "u:2:11: hostname must be a name",
		c + "write_files:\n - path: /etc/sysconfig/network-scripts/ifcfg-eth0\n   content: IPADDR=canary\n": "u:3:4: the " +
			"address of eth0 is not an IP address",
	} {
		_, err := cps.ParseUserData(text("u", in))
		requireError(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
}

// Make the command of a VM out of its data.
func ExampleBoot_Command() {
	boot := cps.Boot{
		Name: "qns02", UserData: "qns02-cloud.cfg", Image: "new_base_vm", Flavor: "qps", Zone: "az-2:os8-compute-2.cisco.com",
		NICs: []cps.NIC{{NetID: "c3df93c2-c2bb-4143-8bb6-b4ec6df65e53", FixedIP: netip.MustParseAddr("172.16.2.25")}},
	}
	cmd, err := boot.Command()
	fmt.Println(cmd, err)
	// Output:
	// nova boot --config-drive true --user-data=qns02-cloud.cfg --image new_base_vm --flavor qps --nic net-id=c3df93c2-c2bb-4143-8bb6-b4ec6df65e53,v4-fixed-ip=172.16.2.25 qns02 --availability-zone az-2:os8-compute-2.cisco.com <nil>
}

// The user data of a VM gives it the addresses of Hosts.csv.
func ExampleParseUserData() {
	u, err := cps.ParseUserData(strings.NewReader("#cloud-config\nhostname: qns01\nwrite_files:\n- path: " +
		"/etc/sysconfig/network-scripts/ifcfg-eth0\n" +
		"  content: |\n    IPADDR=172.16.2.24\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.Hostname, u.Interfaces["eth0"])
	// Output:
	// qns01 172.16.2.24
}

func FuzzOpenStack(f *testing.F) {
	f.Add(fixture(f, "nova-boot-set1.txt"))
	f.Add(oneBoot)
	f.Add(fixture(f, "pcrfclient02-cloud.cfg"))
	f.Fuzz(func(t *testing.T, in string) {
		if list, err := cps.ParseBoots(strings.NewReader(in)); err == nil {
			require.NotEmpty(t, list)
			for _, b := range list {
				cmd, err := b.Command()
				if err != nil {
					continue
				}
				again, err := cps.ParseBoots(strings.NewReader(cmd.String()))
				require.NoError(t, err)
				again[0].Line = b.Line
				require.Equal(t, b, again[0])
			}
		}
		if u, err := cps.ParseUserData(strings.NewReader(in)); err == nil {
			require.Equal(t, in, printed(t, u))
			u.Findings()
		}
	})
}
