package mongotest

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/evenkeel-ha/evenkeel/internal/replsim"
	"github.com/evenkeel-ha/evenkeel/mongo"
)

// request is one command as a server gets it.
type request struct {
	host, db, name string
	cmd            bson.Raw
	session        *session
	gone           <-chan struct{} // closed when nobody waits for the answer any more; nil when that cannot be told
	took           *time.Duration  // simulated time that the command took, where somebody wants to know
}

// session is what a server knows of a connection.
type session struct {
	user  string // who has authenticated
	scram *scram // an authentication under way
}

func refuse(code int, format string, args ...any) error {
	return &replsim.Error{Code: code, Name: codeNames[code], Text: fmt.Sprintf(format, args...)}
}

func asRefusal(err error) *replsim.Error {
	var e *replsim.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	}
	return &replsim.Error{Code: 1, Name: "InternalError", Text: err.Error()}
}

// open are the commands that need no authentication.
var open = []string{"hello", "isMaster", "ismaster", "saslStart", "saslContinue", "ping", "buildInfo", "endSessions"}

var commands = map[string]func(*Set, request) (bson.D, error){
	"hello": (*Set).hello, "isMaster": (*Set).hello, "ismaster": (*Set).hello,
	"ping":             func(*Set, request) (bson.D, error) { return bson.D{}, nil },
	"endSessions":      func(*Set, request) (bson.D, error) { return bson.D{}, nil },
	"buildInfo":        (*Set).buildInfo,
	"saslStart":        (*Set).saslStart,
	"saslContinue":     (*Set).saslContinue,
	"replSetGetStatus": (*Set).status,
	"replSetGetConfig": (*Set).getConfig,
	"replSetReconfig":  (*Set).reconfig,
	"replSetStepDown":  (*Set).stepDown,
	"replSetFreeze":    (*Set).freeze, "replSetMaintenance": (*Set).maintenance,
	"find": (*Set).find, "count": (*Set).count, "collStats": (*Set).collStats,
	"insert": (*Set).write, "update": (*Set).write, "delete": (*Set).write,
}

// errLost is a connection that breaks instead of an answer.
var errLost = errors.New("the connection was closed")

// serve runs one command on the member at host, when it is its turn. An error is a broken connection; a refusal is an answer.
func (s *Set) serve(q request) (reply bson.Raw, err error) {
	if s.opt.Turn == nil {
		return s.serveNow(q)
	}
	name := ""
	if first, bad := q.cmd.IndexErr(0); bad == nil {
		name = first.Key()
	}
	s.opt.Turn(q.host, name, func() { reply, err = s.serveNow(q) })
	return reply, err
}

func (s *Set) serveNow(q request) (bson.Raw, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, hung := s.hung[q.host]; hung; c, hung = s.hung[q.host] {
		s.mu.Unlock()
		select {
		case <-c:
		case <-q.gone:
		}
		s.mu.Lock()
		select {
		case <-q.gone:
			return nil, errLost
		default:
		}
	}
	s.catchUp()
	if st := s.sim.StateOf(q.host); s.closed || st == replsim.Down || st == replsim.Unknown {
		return nil, errLost
	}
	elements, err := q.cmd.Elements()
	if err != nil || len(elements) == 0 {
		return nil, errLost
	}
	q.name = elements[0].Key()
	failure := s.record(q)
	if failure == LostBefore {
		return nil, errLost
	}
	reply, err := s.answer(q)
	if failure == LostAfter {
		return nil, errLost
	}
	if err == nil && q.name == "replSetStepDown" && s.opt.Wire < Wire42 {
		return nil, errLost // up to 4.0 a step-down closes its own connection as well
	}
	if err != nil {
		e := asRefusal(err)
		reply = bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: e.Text}}
		if e.Code != 0 {
			reply = append(reply, bson.E{Key: "code", Value: int32(e.Code)}, bson.E{Key: "codeName", Value: s.codeName(e)})
		}
	} else {
		reply = append(reply, bson.E{Key: "ok", Value: 1.0})
	}
	return bson.Marshal(reply)
}

// record notes the call and chooses its failure; the driver's own heartbeats do not count.
func (s *Set) record(q request) Failure {
	if q.name == "hello" || strings.EqualFold(q.name, "isMaster") || q.name == "endSessions" {
		return Served
	}
	c := Call{Host: q.host, DB: q.db, Name: q.name, At: s.sim.Now()}
	for _, old := range s.log {
		if old.Name == c.Name {
			c.N++
		}
	}
	s.log = append(s.log, c)
	if s.fail == nil {
		return Served
	}
	return s.fail(c)
}

// codeName is the name of a code in the release: "not master" became "not primary" in 4.4's successors.
func (s *Set) codeName(e *replsim.Error) string {
	if e.Code == codeExceededTime || e.Code == replsim.CodeExceededTimeLimit {
		return "ExceededTimeLimit"
	}
	if s.opt.Wire >= Wire50 {
		return strings.NewReplacer("NotMasterNoSlaveOk", "NotPrimaryNoSecondaryOk", "NotMasterOrSecondary",
			"NotPrimaryOrSecondary", "NotMaster", "NotWritablePrimary").Replace(e.Name)
	}
	return e.Name
}

func (s *Set) answer(q request) (bson.D, error) {
	act, ok := commands[q.name]
	if !ok || q.name == "hello" && s.opt.Wire < Wire44 {
		return nil, refuse(codeNoSuchCommand, "no such command: '%s'", q.name)
	}
	if s.opt.User != nil && q.session.user == "" && !slices.Contains(open, q.name) {
		return nil, refuse(codeUnauthorized, "command %s requires authentication", q.name)
	}
	if admin := strings.HasPrefix(q.name, "replSet"); admin && q.db != "admin" {
		return nil, refuse(codeUnauthorized, "%s may only be run against the admin database.", q.name)
	}
	was, _ := s.sim.Primary()
	reply, err := act(s, q)
	s.dropIfDeposed(was)
	return reply, err
}

func (s *Set) buildInfo(q request) (bson.D, error) {
	version := map[int32]string{
		Wire34: "3.4.16", Wire36: "3.6.17", Wire40: "4.0.28", Wire42: "4.2.6", Wire44: "4.4.29", Wire50: "5.0.26",
		Wire60: "6.0.15", Wire70: "7.0.9", Wire80: "8.0.4",
	}[s.opt.Wire]
	return bson.D{{Key: "version", Value: cmp.Or(s.releases[q.host], version, "unknown")},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)}}, nil
}

func (s *Set) clock() time.Time { return s.opt.Epoch.Add(s.sim.Now()) }

// hello is what drivers discover the set by.
func (s *Set) hello(q request) (bson.D, error) {
	state := s.sim.StateOf(q.host)
	primary := state == replsim.Primary
	name := "ismaster"
	if q.name == "hello" {
		name = "isWritablePrimary"
	}
	d := bson.D{{Key: name, Value: primary}, {Key: "secondary", Value: state == replsim.Secondary}}
	views, err := s.sim.Status(q.host)
	cfg, known := s.configOf(q.host)
	if err != nil || !known || state == replsim.Removed {
		d = append(d, bson.E{Key: "isreplicaset", Value: true}, bson.E{Key: "info", Value: "Does not have a valid replica set config"})
	} else {
		d = append(d, s.memberFields(q.host, cfg, views)...)
	}
	if primary {
		d = append(d, bson.E{Key: "electionId", Value: electionID(s.sim.TermOf(q.host))})
	}
	d = append(d,
		bson.E{Key: "maxBsonObjectSize", Value: int32(16 << 20)}, bson.E{Key: "maxMessageSizeBytes", Value: int32(48_000_000)},
		bson.E{Key: "maxWriteBatchSize", Value: int32(100_000)}, bson.E{Key: "localTime", Value: s.clock()},
		bson.E{Key: "logicalSessionTimeoutMinutes", Value: int32(30)}, bson.E{Key: "minWireVersion", Value: int32(0)},
		bson.E{Key: "maxWireVersion", Value: s.opt.Wire}, bson.E{Key: "readOnly", Value: false})
	if s.opt.Wire >= Wire44 && truth(q.cmd.Lookup("helloOk")) {
		d = append(d, bson.E{Key: "helloOk", Value: true})
	}
	if _, err := q.cmd.LookupErr("saslSupportedMechs"); err == nil {
		d = append(d, bson.E{Key: "saslSupportedMechs", Value: bson.A{scramMechanism}})
	}
	return d, nil
}

func (s *Set) memberFields(host string, cfg replsim.Config, views []replsim.MemberView) bson.D {
	hosts, passives, arbiters := bson.A{}, bson.A{}, bson.A{}
	var me replsim.MemberSpec
	full := s.mongoConfig(&cfg)
	for _, m := range cfg.Members {
		if m.Host == host {
			me = m
		}
		whole, _ := full.Member(m.Host)
		switch {
		case m.Hidden, whole.DelaySecs() > 0:
		case m.ArbiterOnly:
			arbiters = append(arbiters, m.Host)
		case m.Priority > 0:
			hosts = append(hosts, m.Host)
		default:
			passives = append(passives, m.Host)
		}
	}
	d := bson.D{{Key: "setName", Value: s.sim.Name()}, {Key: "setVersion", Value: int32(cfg.Version)}, {Key: "hosts", Value: hosts}}
	for _, f := range []struct {
		name string
		list bson.A
	}{{"passives", passives}, {"arbiters", arbiters}} {
		if len(f.list) > 0 {
			d = append(d, bson.E{Key: f.name, Value: f.list})
		}
	}
	if lead, ok := leader(views); ok && (!me.ArbiterOnly || s.sim.Heard(lead.Host)) {
		d = append(d, bson.E{Key: "primary", Value: lead.Host})
	}
	if me.ArbiterOnly {
		d = append(d, bson.E{Key: "arbiterOnly", Value: true})
	}
	if me.Hidden {
		d = append(d, bson.E{Key: "hidden", Value: true})
	}
	if op, _, ok := s.sim.Oplog(host); ok {
		d = append(d, bson.E{Key: "lastWrite", Value: bson.D{
			{Key: "opTime", Value: s.optime(op)}, {Key: "lastWriteDate", Value: s.opt.Epoch.Add(op.At)},
		}})
	}
	return append(d, bson.E{Key: "me", Value: host})
}

// leader is the newest primary that a member sees.
func leader(views []replsim.MemberView) (lead replsim.MemberView, ok bool) {
	for _, v := range views {
		if v.State == replsim.Primary && (!ok || v.Op.Term > lead.Op.Term) {
			lead, ok = v, true
		}
	}
	return lead, ok
}

// electionID grows with the terms, as a server's does.
func electionID(term int64) primitive.ObjectID {
	id := primitive.ObjectID{0x7f, 0xff, 0xff, 0xff}
	binary.BigEndian.PutUint64(id[4:], uint64(term))
	return id
}

func (s *Set) optime(op replsim.OpTime) bson.D {
	return bson.D{{Key: "ts", Value: s.stamp(op.At)}, {Key: "t", Value: op.Term}}
}

// configOf is the configuration that the process at host has.
func (s *Set) configOf(host string) (replsim.Config, bool) { return s.sim.ConfigOf(host) }

// inSet refuses what only a member can answer.
func (s *Set) inSet(host string) (replsim.Config, error) {
	cfg, ok := s.configOf(host)
	switch {
	case !ok:
		return cfg, refuse(replsim.CodeNotYetInitialized, "no replset config has been received")
	case s.sim.StateOf(host) == replsim.Removed:
		return cfg, refuse(replsim.CodeInvalidConfig, "Our replica set config is invalid or we are not a member of it")
	}
	return cfg, nil
}

// status is replSetGetStatus.
func (s *Set) status(q request) (bson.D, error) {
	if _, err := s.inSet(q.host); err != nil {
		return nil, err
	}
	views, err := s.sim.Status(q.host)
	if err != nil {
		return nil, err
	}
	members := bson.A{}
	for _, v := range views {
		members = append(members, s.memberStatus(q.host, v))
	}
	return bson.D{
		{Key: "set", Value: s.sim.Name()}, {Key: "date", Value: s.clock()}, {Key: "myState", Value: int32(s.sim.StateOf(q.host))},
		{Key: "term", Value: s.sim.TermOf(q.host)},
		{Key: "heartbeatIntervalMillis", Value: s.opt.HeartbeatInterval.Milliseconds()}, {Key: "members", Value: members},
	}, nil
}

func (s *Set) memberStatus(asked string, v replsim.MemberView) bson.D {
	health, text := 0.0, "(not reachable/healthy)"
	uptime := time.Duration(0)
	if v.Healthy {
		health, text = 1, v.State.String()
		uptime = s.sim.Now() - s.began[v.Host]
	}
	d := bson.D{
		{Key: "_id", Value: int32(v.ID)}, {Key: "name", Value: v.Host}, {Key: "health", Value: health}, {Key: "state", Value: int32(v.State)},
		{Key: "stateStr", Value: text}, {Key: "uptime", Value: int32(uptime / time.Second)},
	}
	if v.State != replsim.Arbiter {
		op := s.optime(v.Op)
		if !v.Healthy {
			op = bson.D{{Key: "ts", Value: primitive.Timestamp{}}, {Key: "t", Value: int64(-1)}}
		}
		d = append(d, bson.E{Key: "optime", Value: op}, bson.E{Key: "optimeDate", Value: s.opt.Epoch.Add(v.Op.At)})
	}
	if v.State == replsim.Primary {
		d = append(d, bson.E{Key: "electionTime", Value: s.stamp(0)})
	}
	version := v.ConfigVersion
	if !v.Healthy {
		version = -1
		d = append(d, bson.E{Key: "lastHeartbeatMessage", Value: "Error connecting to " + v.Host + " :: caused by :: Connection refused"})
	}
	d = append(d, bson.E{Key: "configVersion", Value: int32(version)})
	if s.opt.Wire >= Wire44 {
		d = append(d, bson.E{Key: "configTerm", Value: v.ConfigTerm})
	}
	if v.Host == asked {
		d = append(d, bson.E{Key: "self", Value: true})
	}
	return d
}

// getConfig is replSetGetConfig.
func (s *Set) getConfig(q request) (bson.D, error) {
	cfg, ok := s.configOf(q.host)
	if !ok {
		return nil, refuse(replsim.CodeNotYetInitialized, "no replset config has been received")
	}
	d := bson.D{{Key: "config", Value: s.mongoConfig(&cfg)}}
	if truth(q.cmd.Lookup("commitmentStatus")) && s.opt.Wire >= Wire44 { // older ones ignore it
		if s.sim.StateOf(q.host) != replsim.Primary {
			return nil, refuse(replsim.CodeNotPrimary, "commitmentStatus is only supported on primary.")
		}
		d = append(d, bson.E{Key: "commitmentStatus", Value: s.sim.ConfigCommitted(q.host)})
	}
	return d, nil
}

// reconfig is replSetReconfig.
func (s *Set) reconfig(q request) (bson.D, error) {
	raw, err := q.document("replSetReconfig")
	if err != nil {
		return nil, refuse(0, "no configuration specified")
	}
	var c mongo.Config
	if err := bson.Unmarshal(raw, &c); err != nil {
		return nil, refuse(replsim.CodeInvalidConfig, "%v", err)
	}
	if c.ID != s.sim.Name() {
		return nil, refuse(replsim.CodeInvalidConfig,
			"Rejecting reconfig where new config has different replica set name: old was %s, and new is %s", s.sim.Name(), c.ID)
	}
	now, err := s.inSet(q.host)
	if err != nil {
		return nil, err
	}
	if err := s.fieldRules(c, s.mongoConfig(&now)); err != nil {
		return nil, err
	}
	cfg, err := simConfig(c)
	if err != nil {
		return nil, err
	}
	if err := s.askSilent(q, c); err != nil {
		return nil, err
	}
	if truth(q.cmd.Lookup("force")) {
		return bson.D{}, s.sim.ForceReconfig(q.host, cfg)
	}
	return bson.D{}, s.sim.Reconfig(q.host, cfg)
}

// silentWait is how long a server waits for a member that does not answer when it asks each whether that is itself.
const silentWait = 30 * time.Second

// askSilent lets the time pass that the server needs for the silent members of a configuration. A command that may not
// take so long is over before; the server goes on waiting, and takes no other one meanwhile.
func (s *Set) askSilent(q request, c mongo.Config) error {
	if s.sim.Now() < s.busy {
		return refuse(codeReconfigBusy, "Cannot run replSetReconfig because the node is currently updating its configuration")
	}
	var need time.Duration
	for _, m := range c.Members {
		if s.sim.Silent(q.host, m.Host) {
			need += silentWait
		}
	}
	limit, _ := numeric(q.cmd.Lookup("maxTimeMS"))
	may := time.Duration(limit) * time.Millisecond
	if may == 0 || may > need {
		s.take(q, need)
		return nil
	}
	s.busy = s.sim.Now() + need
	s.take(q, may)
	return refuse(codeMaxTime, "operation exceeded time limit")
}

// fieldRules are those of the fields that the simulation carries along without knowing them.
func (s *Set) fieldRules(c, old mongo.Config) error {
	refused := func(format string, args ...any) error { return refuse(replsim.CodeConfigIncompatible, format, args...) }
	least := map[string]float64{
		"catchUpTimeoutMillis": -1, "heartbeatIntervalMillis": 1, "heartbeatTimeoutSecs": 1, "electionTimeoutMillis": 1,
	}
	if doc, ok := c.Extra["settings"].DocumentOK(); ok {
		for name, n := range least {
			if v, err := doc.LookupErr(name); err == nil {
				if have, ok := numeric(v); !ok || have < n {
					return refused("%s field value of %v is out of range", name, v)
				}
			}
		}
	}
	local := 0
	for _, m := range c.Members {
		if strings.HasPrefix(m.Host, "127.") || strings.HasPrefix(m.Host, "localhost") {
			local++
		}
		if host, port, ok := strings.Cut(m.Host, ":"); ok {
			if n, err := strconv.Atoi(port); host == "" || err != nil || n < 1 || n > math.MaxUint16 {
				return refuse(codeFailedToParse,
					"Empty host, bad digit or port number out of range parsing HostAndPort from \"%s\"", m.Host)
			}
		}
		if tags, ok := m.Extra["tags"].DocumentOK(); ok && m.ArbiterOnly && len(tags) > 5 {
			return refused("Cannot set tags on arbiters.")
		}
		if d := m.DelaySecs(); d < 0 || d > longest {
			return refused("slaveDelay field value of %d seconds is out of range", d)
		}
		if names := horizons(m); names != horizons(c.Members[0]) {
			return refused("Saw a replica set member with a different horizon mapping than the others: %s", names)
		}
		_, delayed := m.Extra["slaveDelay"]
		if delayed && s.opt.Wire >= Wire50 {
			return refuse(replsim.CodeInvalidConfig,
				"Unexpected field slaveDelay in replica set member configuration for member:{ host: \"%s\" }", m.Host)
		}
		if m.DelaySecs() > 0 && m.Priority > 0 {
			return refused("priority must be 0 when slaveDelay is used")
		}
		builds := func(m mongo.Member) bool { v, ok := m.Extra["buildIndexes"]; return !ok || truth(v) }
		if !builds(m) && m.Priority > 0 {
			return refused("priority must be 0 when buildIndexes=false")
		}
		if had, ok := old.Member(m.Host); ok && builds(had) != builds(m) {
			return refused("New and old configurations differ in the setting of the buildIndexes field for member %s", m.Host)
		}
	}
	if local > 0 && local < len(c.Members) {
		return refused("Either all host names in a replica set configuration must be localhost references, or none must be; "+
			"found %d out of %d", local, len(c.Members))
	}
	return nil
}

// horizons are the names of a member's horizons.
func horizons(m mongo.Member) string {
	names := map[string]any{}
	if doc, ok := m.Extra["horizons"].DocumentOK(); ok {
		_ = bson.Unmarshal(doc, &names)
	}
	return strings.Join(sortedKeys(names), ", ")
}

// longest is the most seconds that a command may name: a year.
const longest = 366 * 24 * 3600

// stepDown is replSetStepDown.
func (s *Set) stepDown(q request) (bson.D, error) {
	secs, ok := numeric(q.cmd.Lookup("replSetStepDown"))
	if secs == 0 {
		secs = 60
	}
	if !ok || !(secs >= 1 && secs <= longest) {
		return nil, refuse(codeBadValue, "stepdown period must be a positive integer")
	}
	if truth(q.cmd.Lookup("force")) {
		return nil, refuse(codeNotSupported, "mongotest: a forced step-down")
	}
	wait, ok := numeric(q.cmd.Lookup("secondaryCatchUpPeriodSecs"))
	if !ok {
		wait = min(secs, 10)
	}
	if wait < 0 || wait > secs {
		return nil, refuse(codeBadValue, "stepdown period must be longer than secondaryCatchUpPeriodSecs")
	}
	period := time.Duration(secs * float64(time.Second))
	err := s.sim.StepDown(q.host, period) // a secondary may catch up meanwhile
	for ; err != nil && asRefusal(err).Code == replsim.CodeExceededTimeLimit && wait > 0; wait-- {
		s.take(q, min(time.Second, time.Duration(wait*float64(time.Second))))
		err = s.sim.StepDown(q.host, period)
	}
	if e := asRefusal(err); e != nil && e.Code == replsim.CodeExceededTimeLimit && s.opt.Wire >= Wire42 {
		e.Code = codeExceededTime
	}
	return bson.D{}, err
}

// freeze is replSetFreeze.
func (s *Set) freeze(q request) (bson.D, error) {
	secs, ok := numeric(q.cmd.Lookup("replSetFreeze"))
	if !ok || !(secs >= 0 && secs <= longest) {
		return nil, refuse(codeBadValue, "replSetFreeze needs a number of seconds")
	}
	return bson.D{}, s.sim.Freeze(q.host, time.Duration(secs*float64(time.Second)))
}

// maintenance is replSetMaintenance.
func (s *Set) maintenance(q request) (bson.D, error) {
	return bson.D{}, s.sim.Maintenance(q.host, truth(q.cmd.Lookup("replSetMaintenance")))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
