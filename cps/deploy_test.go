package cps_test

import (
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// folder is the deploy folder of testdata, changed as told: the name of a file, what to replace, and what with; a name alone removes it.
func folder(t testing.TB, changes ...[3]string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := os.ReadDir("testdata/deploy")
	require.NoError(t, err)
	for _, e := range entries {
		files[e.Name()] = &fstest.MapFile{Data: []byte(fixture(t, "deploy/"+e.Name()))}
	}
	for _, c := range changes {
		if c[1] == "" {
			delete(files, c[0])
			continue
		}
		text := string(files[c[0]].Data)
		require.Contains(t, text, c[1])
		files[c[0]] = &fstest.MapFile{Data: []byte(strings.Replace(text, c[1], c[2], 1))}
	}
	return files
}

func deploy(t testing.TB, changes ...[3]string) *cps.Deploy {
	t.Helper()
	d, err := cps.ReadDeploy(folder(t, changes...))
	require.NoError(t, err)
	return d
}

// CPS-001, CPS-003, CPS-040: the tables of a folder that agree.
func TestReadDeploy(t *testing.T) {
	d := deploy(t)
	require.Empty(t, d.Findings())
	require.Empty(t, d.Missing)
	for _, printer := range []struct {
		name string
		of   io.WriterTo
	}{{"Hosts", d.Hosts}, {"Vlans", d.VLANs}, {"AdditionalHosts", d.Additional}, {"VMSpecification", d.Specs},
		{"Configuration", d.Configuration}} {
		require.Equal(t, fixture(t, "deploy/"+printer.name+".csv"), printed(t, printer.of))
	}
	require.True(t, d.VMware())
	on, known := d.Authentication()
	require.True(t, on && known)
	spec, ok := d.Specs.OfRole("sm")
	require.True(t, ok)
	require.Equal(t, cps.VMSpec{Role: "sm", Prefix: "dc1-", MemoryMB: 24576, CPUs: 4, DiskMode: "thin", Line: 4}, spec)
	for name, want := range map[string]cps.Place{
		"sessionmgr01":       {Kind: cps.PlaceVM, Address: netip.MustParseAddr("192.0.2.15")},
		"lbvip02":            {Kind: cps.PlaceVirtual, Address: netip.MustParseAddr("192.0.2.200"), Network: "Internal"},
		"gx-vip":             {Kind: cps.PlaceVirtual, Address: netip.MustParseAddr("2001:db8:0:1::200"), Network: "Gx"},
		"arbitervip":         {Kind: cps.PlaceVirtual, Address: netip.MustParseAddr("192.0.2.100"), Network: "Internal"},
		"arbiter":            {Kind: cps.PlaceElsewhere, Address: netip.MustParseAddr("203.0.113.41")},
		"SESSIONMGR01-site2": {Kind: cps.PlaceElsewhere, Address: netip.MustParseAddr("203.0.113.3")},
	} {
		place, ok := d.Place(name)
		require.True(t, ok, name)
		require.Equal(t, want, place, name)
	}
	for _, name := range []string{"nobody", "", "dc1-lb01"} {
		_, ok = d.Place(name)
		require.False(t, ok)
	}
	require.NotContains(t, fmt.Sprintf("%+v %#v", d, d), "Hunter2")
}

// CPS-001, CPS-002, CPS-003, CPS-031, CPS-040: what the tables say against each other.
func TestDeployFindings(t *testing.T) {
	const add, vlans, specs, hosts, conf = "AdditionalHosts.csv", "Vlans.csv", "VMSpecification.csv", "Hosts.csv", "Configuration.csv"
	var b strings.Builder
	for _, c := range [][3]string{
		{specs, "sm,", "smgr,"},
		{vlans, "Gx,", "Gy,"},
		{vlans, "198.51.100.1,", "198.51.101.1,"},
		{vlans, "lbvip01", "lbvip03"},
		{vlans, "lbvip01", "lb01"},
		{vlans, "VLAN_2017,255.255.255.0", "VLAN_2017,255.255.255.240"},
		{add, "198.51.100.65", "198.51.101.65"},
		{add, "192.0.2.200", "192.0.2.201"},
		{add, "203.0.113.41", "203.0.113.3"},
		{add, "psessionmgr01 ", "sessionmgr01 "},
		{add, "arbiter,203", "ntp,203"},
		{add, "203.0.113.3\n", "203.0.113.3\nsessionmgr02,sessionmgr02,192.0.2.16\n"},
		{add, "2001:db8:0:1:0:0:0:200", "2001:db8:0:1::200"},
		{conf, "db_authentication_enabled, TRUE", "db_authentication_enabled, MAYBE"},
		{vlans, "", ""}, {add, "", ""}, {specs, "", ""}, {conf, "", ""},
	} {
		d := deploy(t, c)
		fmt.Fprintf(&b, "%s: %q is %q\n", c[0], c[1], c[2])
		for _, f := range d.Findings() {
			fmt.Fprintf(&b, "  %s\n", f)
		}
		require.NotEmpty(t, d.Findings(), c)
	}
	golden.Check(t, "deploy-findings.txt", b.String())

	d := deploy(t, [3]string{conf, "", ""})
	_, known := d.Authentication()
	require.False(t, known)
	require.True(t, d.VMware(), "every VM has a hypervisor and a datastore")
	require.False(t, deploy(t, [3]string{conf, "", ""}, [3]string{hosts, "esxi-1,dc1-qns01", ",dc1-qns01"}).VMware())
	require.True(t, deploy(t, [3]string{hosts, "esxi-1,dc1-qns01", ",dc1-qns01"}).VMware())
	d = deploy(t, [3]string{vlans, "", ""}, [3]string{add, "", ""})
	_, ok := d.Place("lbvip01")
	require.False(t, ok)
	require.Equal(t, []string{vlans, add}, d.Missing)
}

func TestReadDeployErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(fstest.MapFS)
		want   string
	}{
		"no hosts":  {func(m fstest.MapFS) { delete(m, "Hosts.csv") }, "Hosts.csv: file does not exist"},
		"two names": {func(m fstest.MapFS) { m["VLANs.csv"] = m["Vlans.csv"] }, "VLANs.csv and Vlans.csv: which of the two counts?"},
		"a FIFO":    {func(m fstest.MapFS) { m["Vlans.csv"] = &fstest.MapFile{Mode: fs.ModeNamedPipe} }, "Vlans.csv is not a regular file"},
		"unreadable": {func(m fstest.MapFS) { m["Vlans.csv"] = &fstest.MapFile{Data: []byte("x")} },
			`Vlans.csv:1:1: column "VLAN Name" is missing`},
	} {
		files := folder(t)
		tc.change(files)
		_, err := cps.ReadDeploy(files)
		require.ErrorContains(t, err, tc.want, name)
	}
	files := folder(t)
	files["Vlans.csv"], files["hosts.CSV"] = &fstest.MapFile{Data: []byte("x")}, &fstest.MapFile{Data: []byte("y")}
	delete(files, "Hosts.csv")
	_, err := cps.ReadDeploy(files)
	require.ErrorContains(t, err, "Vlans.csv:1:1: ")
	require.ErrorContains(t, err, "hosts.CSV:1: ")
	files = folder(t)
	files["VLANS.CSV"], files["VMs.csv"] = files["Vlans.csv"], &fstest.MapFile{}
	delete(files, "Vlans.csv")
	d, err := cps.ReadDeploy(files)
	require.NoError(t, err)
	require.Equal(t, []string{"VMs.csv"}, d.Other)
	require.Len(t, d.VLANs.Rows, 3)
}

func TestParseTables(t *testing.T) {
	vlans := func(in string) error { _, err := cps.ParseVLANs(text("t", in)); return err }
	others := func(in string) error { _, err := cps.ParseAdditionalHosts(text("t", in)); return err }
	specs := func(in string) error { _, err := cps.ParseVMSpecs(text("t", in)); return err }
	const v, o, s = "VLAN Name,Network Target Name,Netmask,Gateway,VIP Alias\n", "Host,Alias,IP Address\n",
		"Role,Host Name Prefix,Memory,vCPU\n"
	for _, tc := range []struct {
		parse    func(string) error
		in, want string
	}{
		{vlans, "", `t:1: no header row: it must name the columns VLAN Name, Network Target Name`},
		{vlans, "VLAN Name,x\n", `t:1:1: column "Network Target Name" is missing`},
		{vlans, "VLAN Name,Network Target Name,vlan name\n", "t:1:31: column named twice"},
		{vlans, v, "t:1: the table has no row"},
		{vlans, v + "a,b,,,,c\n", "t:2:1: row has 6 cells, the header 5"},
		{vlans, v + "a\n", `t:2:1: column "Network Target Name" is empty`},
		{vlans, v + "a,b\nA,c\n", "t:3:1: VLAN named twice, first on line 2"},
		{vlans, v + "a,b,255.0.255.0,\n", `t:2:5: column "Netmask" must be`},
		{vlans, v + "a,b,0.0.0.0,\n", `t:2:5: column "Netmask" must be`},
		{vlans, v + "a,b,129,\n", `t:2:5: column "Netmask" must be`},
		{vlans, v + "a,b,64,192.0.2.1\n", "t:2:5: the netmask does not fit the gateway"},
		{vlans, v + "a,b,24,gateway\n", `t:2:8: column "Gateway" is not an IP address: near "gateway"`},
		{vlans, v + "a,b,24,fe80::1%eth0\n", `column "Gateway" is not an IP address`},
		{vlans, v + "a,b,24,,two words\n", "t:2:9: not an alias"},
		{vlans, v + "\"a,b\n", "t:2:1: a quoted cell is not closed on its line"},
		{vlans, "\r\n# x\n" + v + "\"a \",b , 24 ,N/A,none,,\r\n,,,\n", ""},
		{others, o + "a,b,192.0.2.256\n", `t:2:5: column "IP Address" is not an IP address`},
		{others, o + "a,b,\n", `t:2:1: column "IP Address" is empty`},
		{others, o + "a b,c,192.0.2.1\n", "t:2:1: not the name of a host"},
		{others, o + "a,b;c,192.0.2.1\n", "t:2:3: not the name of a host"},
		{others, "IP Address,Host\n192.0.2.1,a\n", ""},
		{specs, s + "sm,,24GB,\n", `t:2:5: column "Memory" must be a number`},
		{specs, s + "sm,,0,\n", `column "Memory" must be a number`},
		{specs, s + "sm,,1,-1\n", `column "vCPU" must be a number`},
		{specs, s + "sm,,1\nsm,,2\n", "t:3:1: role given twice, first on line 2"},
		{specs, s + "sm,,\n", `t:2:1: column "Memory" is empty`},
		{specs, "Role,Memory\nsm,1", ""},
		{specs, s + "sm\x00,,1\n", "t:2:3: not a text file"},
	} {
		if tc.want == "" {
			require.NoError(t, tc.parse(tc.in), tc.in)
			continue
		}
		requireError(t, tc.parse(tc.in), tc.want)
	}
	free, err := cps.ParseVMSpecs(text("t", "Role,Memory,Configuration Overrides\nsm,1,\"root,Hunter2\"\n"))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", free, free.Rows, *free), "Hunter2")
	require.Equal(t, "root,Hunter2", free.Rows[0].Overrides.Reveal())
}

// Ask the deploy folder what a name is, and whether its tables agree.
func ExampleReadDeploy() {
	d, err := cps.ReadDeploy(os.DirFS("testdata/deploy"))
	if err != nil {
		fmt.Println(err)
		return
	}
	place, ok := d.Place("arbitervip")
	fmt.Println(place.Kind == cps.PlaceVirtual, place.Network, place.Address, ok)
	fmt.Println(len(d.Findings()), "findings")
	// Output:
	// true Internal 192.0.2.100 true
	// 0 findings
}

func FuzzTables(f *testing.F) {
	for _, name := range []string{"Vlans", "AdditionalHosts", "VMSpecification"} {
		f.Add(fixture(f, "deploy/"+name+".csv"))
	}
	hosts := fixture(f, "deploy/Hosts.csv")
	f.Fuzz(func(t *testing.T, in string) {
		if v, err := cps.ParseVLANs(strings.NewReader(in)); err == nil {
			require.Equal(t, in, printed(t, v))
		}
		if h, err := cps.ParseAdditionalHosts(strings.NewReader(in)); err == nil {
			require.Equal(t, in, printed(t, h))
		}
		if s, err := cps.ParseVMSpecs(strings.NewReader(in)); err == nil {
			require.Equal(t, in, printed(t, s))
		}
		for _, name := range []string{"Vlans.csv", "AdditionalHosts.csv", "VMSpecification.csv"} {
			files := fstest.MapFS{"Hosts.csv": {Data: []byte(hosts)}, name: {Data: []byte(in)}}
			if d, err := cps.ReadDeploy(files); err == nil {
				d.Findings()
				d.Place("arbitervip")
			}
		}
	})
}
