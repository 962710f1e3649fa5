//go:build linux

package initd

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

func parse(t *testing.T, text string) (*unit, error) {
	t.Helper()
	f, err := parseUnitFile(srcerr.Named("x.service", strings.NewReader(text)))
	if err != nil {
		return nil, err
	}
	return newUnit("x", f)
}

func TestUnit(t *testing.T) {
	u, err := parse(t, `# a comment
[Unit]
Description=Something
Requires=network-online.target corosync.service
After=corosync.service
PartOf=y.service
StartLimitIntervalSec=25s
StopWhenUnneeded=true
UnknownKey=kept, and of no use

[Service]
Type=notify
Environment=A=1 "B=two words"
EnvironmentFile=-/etc/default/x
ExecStartPre=-/bin/false
ExecStart=/usr/sbin/x -f $OPTIONS \
# a comment within
  --name 'a b'
ExecStart=
ExecStart=/usr/sbin/x -f $OPTIONS
StandardError=null
Restart=on-failure
RestartSec=1s
SuccessExitStatus=100 101
RestartPreventExitStatus=255
KillMode=process
SendSIGKILL=no
TimeoutStopSec=30min
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
Alias=z.service
`)
	require.NoError(t, err)
	require.Equal(t, &unit{
		Name: "x", Description: "Something", Requires: []string{"corosync"}, After: []string{"corosync"}, PartOf: []string{"y"}, Unneeded: true,
		Type: "notify", Environment: []string{"A=1", "B=two words"}, EnvFiles: []string{"-/etc/default/x"},
		StartPre: []command{{[]string{"/bin/false"}, true}}, Start: []command{{[]string{"/usr/sbin/x", "-f", "$OPTIONS"}, false}}, Null: true,
		Restart: "on-failure", RestartDelay: time.Second, SuccessExit: []int{100, 101}, NoRestartExit: []int{255},
		StartBurst: 5, StartInterval: 25 * time.Second,
		TimeoutStart: 0, TimeoutStop: 30 * time.Minute, KillMode: "process", WantedBy: []string{"multi-user.target"}, Alias: []string{"z"},
	}, u)
}

func TestUnitThatCannotBeRun(t *testing.T) {
	for text, want := range map[string]string{
		"Key=value":                               `x.service:1:1: a key before the first [Section]`,
		"[Service]\nnonsense":                     `x.service:2:1: want [Section] or Key=value: near "nonsense"`,
		"[Service]\nUser=nobody\nExecStart=/x":    `x.service:2: User= is not supported`,
		"[Service]\nType=forking\nExecStart=/x":   `x.service:2: Type= is not supported but for`,
		"[Service]\nExecStart=x":                  `ExecStart= wants the absolute path`,
		"[Service]\nExecStart=/x 'y":              `a quote that does not end`,
		"[Service]\nExecStart=/x\nRestartSec=1 x": `x.service:3`,
		"[Service]\nExecStart=/x\nSendSIGKILL=2":  `wants yes or no`,
		"[Unit]":                                  `0 ExecStart= lines`,
	} {
		_, err := parse(t, text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzUnit(f *testing.F) {
	f.Add("[Unit]\nRequires=a.service\n[Service]\nExecStart=/x \\\n y\nTimeoutStopSec=1min 30s\n")
	f.Add("[Service]\nExecStart=-/bin/sh -c \"a $B ${C}\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseUnitFile(strings.NewReader(text))
		if err != nil {
			return
		}
		u, err := newUnit("x", file)
		if err == nil && len(u.Start) == 0 {
			t.Fatal("a unit that starts nothing")
		}
		if err == nil {
			_ = expand(u.Start[0].argv, parseEnvFile(text))
		}
	})
}

func TestWords(t *testing.T) {
	env := map[string]string{"MANY": "a b", "ONE": "c d"}
	words, err := splitWords(`/x $MANY "${ONE}e" 'f g' h\ i $UNSET $5 ${`)
	require.NoError(t, err)
	require.Equal(t, []string{"/x", "a", "b", "c de", "f g", "h i", "$5", "${"}, expand(words, env))
	require.Equal(t, map[string]string{"A": "b c", "D": ""}, parseEnvFile("# no\nA=\"b c\"\nexport D=\nnonsense\n"))

	for text, want := range map[string]time.Duration{"90": 90 * time.Second, "1min 30s": 90 * time.Second,
		"100ms": 100 * time.Millisecond, "infinity": 0} {
		got, err := parseSpan(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "s", "-1", "1 fortnight"} {
		_, err := parseSpan(bad)
		require.Error(t, err, bad)
	}
}

func TestProcess(t *testing.T) {
	p, ok := parseStat("12 (a (b) c) S 1 12 34 0 -1")
	require.True(t, ok)
	require.Equal(t, proc{session: 34, names: []string{"a (b) c"}}, p)
	for _, bad := range []string{"", "12 (x", "12 (x) Z 1 2 3", "12 (x) S 1 2", "12 (x) S 1 2 y"} {
		_, ok := parseStat(bad)
		require.False(t, ok, bad)
	}
	require.True(t, proc{names: []string{"pacemaker-contr"}}.called("pacemaker-controld"))
	require.False(t, proc{names: []string{"pacemaker-contr"}}.called("pacemaker"))
	require.True(t, proc{names: []string{"python3", "pcsd"}}.called("pcsd"))
}
