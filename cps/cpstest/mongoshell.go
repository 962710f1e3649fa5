package cpstest

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo/live"
	"github.com/evenkeel-ha/evenkeel/mongo/mongotest"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// mongoShell is "mongo [--quiet] --host H --port P [DATABASE] --eval SCRIPT"; without --eval the script is the standard
// input. It is no JavaScript engine: it looks for the statements it knows in the script and runs them in their order on
// the simulated set, and it knows the script of [live.ShellDialer]. A script without any of them is refused.
func mongoShell(c *simhost.Call) int {
	y := systemOf(c.State)
	var host, port, script string
	for i := 0; i < len(c.Args); i++ {
		value := func() string {
			if i++; i < len(c.Args) {
				return c.Args[i]
			}
			return ""
		}
		switch a := c.Args[i]; {
		case a == "--host":
			host = value()
		case a == "--port":
			port = value()
		case a == "--eval":
			script = value()
		case a == "--quiet" || a == "--norc":
		case !strings.HasPrefix(a, "-"):
			if h, p, ok := strings.Cut(a, ":"); ok { // mongo sessionmgr01:27718 (cps:1395)
				port, _, _ = strings.Cut(p, "/")
				host = h
			}
		default:
			return c.Fail(1, "Error parsing command line: unrecognised option '%s'", a)
		}
	}
	y.sync(c.State)
	if script == "" {
		script = c.Stdin
	}
	sh := &shell{Call: c, y: y, address: host + ":" + port, known: y.opts.DBUser == nil || path.Base(c.Name) == loginShell}
	if set, _, ok := strings.Cut(host, "/"); ok { // --host SET/host:port,…: the shell goes to the primary, and logs how
		c.Printf("%s I NETWORK  [thread1] Starting new replica set monitor for %s\n", c.Now().UTC().Format("2006-01-02T15:04:05.000+0000"), host)
		for i := range y.sets {
			if primary, has := y.sets[i].Primary(); has && y.sets[i].spec.Name == set {
				sh.address = primary
			}
		}
	}
	return sh.eval(script)
}

// shell is one run of a mongo shell.
type shell struct {
	*simhost.Call
	y       *system
	address string
	at      int  // the set it is connected to
	known   bool // it has logged in, or need not
}

// loginShell is the mongo shell that logs in by itself.
const loginShell = "mongo-login"

// loginForm is where the script of [live.ShellDialer] logs in.
var loginForm = regexp.MustCompile(`getSiblingDB\("([^"]*)"\)\.auth\((\{[^}]*\})\)`)

// logIn logs in where the script does, and tells whether it went well.
func (sh *shell) logIn(script string) bool {
	m := loginForm.FindStringSubmatch(script)
	if m == nil {
		return true
	}
	var who struct{ User, Pwd string }
	user := sh.y.opts.DBUser
	sh.known = user != nil && json.Unmarshal([]byte(m[2]), &who) == nil && m[1] == user.Database() && who.User == user.User &&
		who.Pwd == user.Password.Reveal()
	return sh.known
}

// unauthorized is what a server says to who has not logged in.
const unauthorized = "not authorized on admin to execute command"

// uncaught is the status of a shell whose script threw an exception.
const uncaught = 252

var (
	statementForm = regexp.MustCompile(`evenkeel-sharding-state` +
		`|cache_config\.updateMany\(\{\},\{\$unset:\{migratingShards:1\}\}` +
		`|\bconfig\.update(?:One)?\(\{_id:1(?:,version:\d+)?\},\{\$inc:\{version:1\}\}` +
		`|versions\.(?:remove|deleteMany)\(\{\}` +
		`|versions\.insert(?:One)?\(\{_id:cache_config,version:NumberInt\(0\),previousVersion:NumberInt\(0\),migrationStatus:COMPLETE\}` +
		`|db\.version\(\)` +
		`|rs\.conf\(\)\.version` +
		`|rs\.conf\(\)\.members\.forEach` +
		`|rs\.conf\(\)\.members\.filter\(function\(m\)\{returnm\.host===[\w.:-]+\}\)` +
		`|rs\.print(?:Slave|Secondary)?ReplicationInfo\(\)` +
		`|rs\.remove\([^)]+\)|rs\.add\([^)]+\)`)
	bumpForm     = regexp.MustCompile(`version:(\d+)\},`)
	setNameForm  = regexp.MustCompile(`me\.setName!==(\w+)`)
	documentForm = regexp.MustCompile(`\{_id:(\d+),host:[\w.:-]+,.*priority:([\d.]+)`) // of rs.add({…})
	addressForm  = regexp.MustCompile(`\(([\w.-]+:\d+)\)|host:([\w.-]+:\d+)`)
	blanks       = strings.NewReplacer(" ", "", "\t", "", "\n", "", `"`, "", `'`, "")
)

func (sh *shell) eval(script string) int {
	text := blanks.Replace(script)
	if sh.at = sh.y.setAt(sh.address); sh.at < 0 {
		return sh.Fail(1, "Error: couldn't connect to server %s, connection attempt failed: SocketException: Error "+
			"connecting to %s :: caused by :: Connection refused", sh.address, sh.address)
	}
	set := &sh.y.sets[sh.at]
	if !sh.logIn(script) {
		sh.Printf("evenkeel-reply {\"auth\":false}\n")
		return 0
	}
	if m := commandForm.FindStringSubmatch(script); m != nil {
		return sh.command(set, m[1], m[2])
	}
	if !sh.known {
		return sh.Fail(uncaught, "uncaught exception: Error: %s", unauthorized)
	}
	primary, _ := set.Primary()
	if strings.Contains(text, "me.ismaster") && primary != sh.address {
		return sh.Fail(uncaught, "uncaught exception: Error: not the primary, which is %s", primary)
	}
	if m := setNameForm.FindStringSubmatch(text); m != nil && m[1] != set.spec.Name {
		return sh.Fail(uncaught, "uncaught exception: Error: this is the set %s", set.spec.Name)
	}
	statements := statementForm.FindAllString(text, -1)
	if len(statements) == 0 && !strings.Contains(text, "nothingtochange") {
		return sh.Fail(uncaught, "uncaught exception: the simulated shell knows no statement of this script")
	}
	for _, statement := range statements {
		if err := sh.run(set, statement); err != nil {
			return sh.Fail(uncaught, "uncaught exception: WriteCommandError: %v", err)
		}
	}
	sh.y.judge(sh.State)
	return 0
}

// run runs one statement.
func (sh *shell) run(set *replicaSet, statement string) error {
	defer sh.y.touched(sh.State, sh.at)
	switch {
	case strings.HasPrefix(statement, "evenkeel"):
		return sh.printState(set)
	case strings.HasPrefix(statement, "rs.conf().members.filter"):
		_, host, _ := strings.Cut(strings.TrimSuffix(statement, "})"), "===")
		sh.printDocument(set, host)
		return nil
	case statement == "db.version()":
		sh.Printf("%s\n", sh.y.mongoRelease(sh.address))
		return nil
	case statement == "rs.conf().version":
		c, _ := set.ConfigOf(sh.address)
		sh.Printf("%d\n", c.Version)
		return nil
	case strings.HasPrefix(statement, "rs.conf"):
		return sh.printMembers(set)
	case strings.HasPrefix(statement, "cache_config"):
		n, err := set.UnsetMigratingShards(sh.address)
		return sh.wrote(err, n, "migratingShards unset in %d documents", n)
	case strings.HasPrefix(statement, "config"):
		return sh.bump(set, statement)
	case strings.HasPrefix(statement, "versions.remove"), strings.HasPrefix(statement, "versions.delete"):
		n, err := set.RemoveVersions(sh.address)
		return sh.wrote(err, n, "%d versions documents removed", n)
	case strings.HasPrefix(statement, "versions.insert"):
		err := set.InsertVersions(sh.address, replsim.VersionsDoc{ID: "cache_config", MigrationStatus: "COMPLETE"})
		return sh.wrote(err, 1, "versions document inserted")
	case statement == "rs.printReplicationInfo()":
		sh.printOplog(set)
		return nil
	case strings.HasPrefix(statement, "rs.print"):
		sh.printLag(set)
		return nil
	}
	return sh.changeMembers(set, statement)
}

// commandForm is where the script of [live.ShellDialer] runs its command; jsForms are the values in it that Extended
// JSON writes otherwise.
var (
	commandForm = regexp.MustCompile(`getSiblingDB\("(\w+)"\)\.runCommand\((\{.*\})\)(?:; \} catch|$)`)
	jsForms     = []struct {
		form *regexp.Regexp
		json string
	}{
		{regexp.MustCompile(`NumberInt\((-?\d+)\)`), `{"$$numberInt":"$1"}`},
		{regexp.MustCompile(`NumberLong\("(-?\d+)"\)`), `{"$$numberLong":"$1"}`},
		{regexp.MustCompile(`Timestamp\((\d+), (\d+)\)`), `{"$$timestamp":{"t":$1,"i":$2}}`},
		{regexp.MustCompile(`ObjectId\("([0-9a-f]{24})"\)`), `{"$$oid":"$1"}`},
	}
)

// server answers for the set as mongod does.
func (sh *shell) server(set *replicaSet) *mongotest.Set {
	return sh.y.mongodOf(set, sh.y.mongodOptions())
}

// command runs one command and prints the reply as the script would.
func (sh *shell) command(set *replicaSet, db, js string) int {
	for _, f := range jsForms {
		js = f.form.ReplaceAllString(js, f.json)
	}
	var cmd bson.D
	if err := bson.UnmarshalExtJSON([]byte(js), true, &cmd); err != nil {
		return sh.Fail(uncaught, "uncaught exception: the simulated shell cannot read the command %s: %v", js, err)
	}
	sh.Printf("evenkeel-reply {\"started\":true}\n")
	if !sh.known {
		sh.Printf("evenkeel-reply {\"reply\":{\"ok\":0,\"errmsg\":%q,\"code\":13,\"codeName\":\"Unauthorized\"}}\n", unauthorized)
		return 0
	}
	var reply []byte
	var err error
	sh.y.acts(sh.State, sh.at, cmd[0].Key+" on "+sh.address, func() { reply, err = sh.reply(set, db, cmd) })
	if err != nil {
		sh.Printf("evenkeel-reply {\"lost\":%q}\n", err.Error())
		return 0
	}
	sh.Printf("evenkeel-reply {\"reply\":%s}\n", reply)
	return 0
}

func (sh *shell) reply(set *replicaSet, db string, cmd bson.D) ([]byte, error) {
	conn, err := sh.server(set).Dial(context.Background(), sh.address)
	if err != nil {
		return nil, err
	}
	raw, err := conn.RunCommand(context.Background(), db, cmd)
	if err != nil {
		return nil, err
	}
	return bson.MarshalExtJSON(raw, true, false)
}

// printMembers is what the runbook on paper lets the shell print of rs.conf() and rs.status(): set, member, votes,
// priority, state and the second of its newest write.
func (sh *shell) printMembers(set *replicaSet) error {
	client := live.NewReplicaSet(set.spec.Name, nil, sh.server(set).Dial, live.Options{})
	config, _, err := client.ConfigFrom(context.Background(), sh.address)
	if err != nil {
		return err
	}
	status, err := client.StatusFrom(context.Background(), sh.address)
	if err != nil {
		return err
	}
	for _, m := range config.Members {
		state, seconds := "DOWN", int64(0)
		if st, ok := status.Member(m.Host); ok && st.Healthy() {
			state = st.StateStr
			if !st.OptimeDate.IsZero() {
				seconds = st.OptimeDate.Unix()
			}
		}
		sh.Printf("%s %s %d %g %s %d\n", status.Set, m.Host, m.Votes, m.Priority, state, seconds)
	}
	return nil
}

// wrote prints what a write did, and notes it where it changed anything.
func (sh *shell) wrote(err error, n int, format string, args ...any) error {
	if err != nil {
		return err
	}
	sh.Printf("{ \"acknowledged\" : true, \"n\" : %d }\n", n)
	if n > 0 {
		sh.Note("", "%s: "+format, append([]any{sh.y.sets[sh.at].spec.Name}, args...)...)
	}
	return nil
}

// bump is the guide's $inc, with or without the version in its filter. It must take effect once for each set that was enabled.
func (sh *shell) bump(set *replicaSet, statement string) error {
	var onlyIf *int64
	if m := bumpForm.FindStringSubmatch(statement); m != nil {
		v, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return err
		}
		onlyIf = &v
	}
	n, err := set.IncConfigVersion(sh.address, onlyIf)
	if err == nil && n > 0 {
		if sh.y.bumps++; sh.y.bumps > sh.y.owedBumps {
			sh.Violate("the configuration version of the sharding database was raised %d times, and was to be raised %d times so far",
				sh.y.bumps, sh.y.owedBumps)
		}
	}
	return sh.wrote(err, n, "configuration version raised")
}

// printState answers the probe of the sharding fix.
func (sh *shell) printState(set *replicaSet) error {
	d, err := set.Sharding(sh.address)
	if err != nil {
		return err
	}
	type doc struct {
		ID              string `json:"_id"`
		Version         int64  `json:"version"`
		PreviousVersion int64  `json:"previousVersion"`
		MigrationStatus string `json:"migrationStatus"`
	}
	versions := []doc{}
	for _, v := range d.Versions {
		versions = append(versions, doc{v.ID, v.Version, v.PreviousVersion, v.MigrationStatus})
	}
	state, err := json.Marshal(struct {
		Set       string `json:"set"`
		Primary   string `json:"primary"`
		Configs   int    `json:"cacheConfigs"`
		Migrating int    `json:"migratingShards"`
		HasConfig bool   `json:"hasConfig"`
		Version   int64  `json:"configVersion"`
		Versions  []doc  `json:"versions"`
	}{set.spec.Name, sh.address, d.CacheConfigs, d.MigratingShards, d.HasConfig, d.ConfigVersion, versions})
	if err != nil {
		return err
	}
	sh.Printf("evenkeel-sharding-state %s\n", state)
	return nil
}

// printDocument is tojson of a member's document, in one line.
func (sh *shell) printDocument(set *replicaSet, host string) {
	for _, m := range set.Config().Members {
		if m.Host == host {
			sh.Printf(`{ "_id" : %d, "host" : "%s", "arbiterOnly" : %v, "buildIndexes" : true, "hidden" : false, "priority" : %g, "tags" : {  }, `+
				`"slaveDelay" : NumberLong(0), "votes" : %d }`+"\n", m.ID, m.Host, m.ArbiterOnly, m.Priority, m.Votes)
			return
		}
	}
	sh.Printf("undefined\n")
}

const shellTime = "Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"

// printOplog is rs.printReplicationInfo() (cps:1397-1401).
func (sh *shell) printOplog(set *replicaSet) {
	window := sh.y.opts.Data[set.spec.Name].OplogWindow
	if window == 0 {
		window = defaultOplogWindow
	}
	seconds := int64(window.Seconds())
	last := sh.Now().UTC()
	sh.Printf("configured oplog size: %dMB\n", set.spec.OplogMB)
	sh.Printf("log length start to end: %dsecs (%shrs)\n", seconds, strconv.FormatFloat(float64(seconds*100/3600)/100, 'f', -1, 64))
	sh.Printf("oplog first event time: %s\n", last.Add(-window).Format(shellTime))
	sh.Printf("oplog last event time: %s\n", last.Format(shellTime))
	sh.Printf("now: %s\n", last.Format(shellTime))
}

// printLag is rs.printSlaveReplicationInfo() (cps:1410-1413).
func (sh *shell) printLag(set *replicaSet) {
	for _, m := range set.Config().Members {
		state := set.StateOf(m.Host)
		if m.ArbiterOnly || state == replsim.Primary || state == replsim.Down {
			continue
		}
		lag := set.Lag(m.Host)
		sh.Printf("source: %s\nsyncedTo: %s\n%d secs (%s hrs) behind the primary\n", m.Host, sh.Now().UTC().Add(-lag).Format(shellTime),
			int64(lag.Seconds()), strconv.FormatFloat(float64(int64(lag.Seconds())*100/3600)/100, 'f', -1, 64))
	}
}

// changeMembers is rs.remove("host:port") and rs.add("host:port") or rs.add({host: "host:port", …}): how a member that
// is stuck in RECOVERING is brought back (cps:1418-1421). An added member's process copies the data anew.
func (sh *shell) changeMembers(set *replicaSet, statement string) error {
	m := addressForm.FindStringSubmatch(statement)
	if m == nil {
		return &replsim.Error{Code: replsim.CodeInvalidConfig, Name: "BadValue", Text: "no host:port in " + statement}
	}
	address := m[1] + m[2]
	if primary, ok := set.Primary(); !ok || primary != sh.address {
		return &replsim.Error{Code: replsim.CodeNotPrimary, Name: "NotMaster", Text: "replSetReconfig should only be run on PRIMARY"}
	}
	if strings.HasPrefix(statement, "rs.remove") {
		return sh.wrote(set.Remove(address), 1, "%s removed", address)
	}
	for k, member := range set.spec.Members {
		if d := documentForm.FindStringSubmatch(statement); member.Address() == address && d != nil {
			id, err1 := strconv.Atoi(d[1])
			rank, err2 := strconv.ParseFloat(d[2], 64)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			return sh.wrote(set.Add(replsim.Data(id, address, rank)), 1, "%s added", address)
		}
		if member.Address() == address {
			return sh.wrote(set.Add(replsim.Data(k, address, priority(k, len(set.spec.Members)))), 1, "%s added", address)
		}
	}
	return &replsim.Error{Code: replsim.CodeNodeNotFound, Name: "NodeNotFound", Text: address + " is not in mongoConfig.cfg"}
}
