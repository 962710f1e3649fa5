package replsim

import (
	"hash/fnv"
	"math"
	"time"
)

// Hash names the state: equal for states that behave alike from here on, so that an exploration can prune. Times count
// from the present instant and oplog positions from the newest one; how long the set has run and was out of service is left out.
func (s *Set) Hash() uint64 {
	h := fnv.New64a()
	var buf []byte
	num := func(v int64) {
		for k := range 8 {
			buf = append(buf, byte(v>>(8*k)))
		}
	}
	str := func(v string) {
		num(int64(len(v)))
		buf = append(buf, v...)
	}
	flag := func(v bool) {
		b := byte(0)
		if v {
			b = 1
		}
		buf = append(buf, b)
	}
	when := func(t time.Duration) {
		if t == never {
			num(math.MinInt64)
		} else {
			num(int64(t - s.now))
		}
	}
	var head time.Duration
	for i := range s.procs {
		head = max(head, s.procs[i].op.At)
	}
	str(s.name)
	num(int64(max(s.reported-s.now, 0)) * btoi(s.reported != never))
	num(int64(max(s.crowned+s.opt.HeartbeatInterval-s.now, 0)) * btoi(s.crowned != never))
	s.opt.encode(num, flag)
	num(int64(len(s.procs)))
	for i := range s.procs {
		p := &s.procs[i]
		str(p.host)
		num(int64(p.state))
		flag(p.up)
		flag(p.hung)
		flag(p.data)
		flag(p.stale)
		flag(p.maint)
		flag(p.copying)
		num(p.term)
		num(p.bid * btoi(p.electedAt != never))
		num(p.op.Term)
		num(int64(head-p.op.At) * btoi(p.data))
		num(int64(p.work))
		when(p.lostAt)
		when(p.stoodAt)
		if p.barredUntil > s.now {
			when(p.barredUntil)
		} else {
			when(never)
		}
		when(p.takeoverAt)
		when(p.electedAt)
		when(p.minorityAt)
		flag(p.silent)
		num(int64(min(s.now-max(p.goneAt, 0), s.opt.HeartbeatTimeout)) * btoi(p.goneAt != never))
		p.cfg.encode(num, str, flag)
		p.docs.encode(num, str, flag)
	}
	num(int64(len(s.cuts)))
	for _, c := range s.cuts {
		str(c.a)
		str(c.b)
		num(int64(min(s.now-c.at, s.opt.HeartbeatTimeout)))
	}
	for _, w := range s.writes {
		num(w.op.Term)
		num(int64(head - w.op.At))
		w.docs.encode(num, str, flag)
	}
	if s.durable != nil {
		num(int64(s.durable.Hash())) //nolint:gosec // the bits, not the number
	}
	for _, b := range s.branches {
		num(b.term)
		num(int64(head - b.from))
	}
	_, _ = h.Write(buf)
	return h.Sum64()
}

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (o *Options) encode(num func(int64), flag func(bool)) {
	for _, d := range []time.Duration{
		o.ElectionTimeout, o.ElectionTime, o.HeartbeatInterval, o.HeartbeatTimeout, o.StartTime, o.OplogWindow,
	} {
		num(int64(d))
	}
	num(int64(math.Float64bits(o.ApplyRate))) //nolint:gosec // the bits, not the number
	num(o.DataSize)
	num(o.SyncRate)
	flag(o.Idle)
	flag(o.OneVoterRule)
	flag(o.QuorumCheck)
	flag(o.ElectionHandoff)
}

func (c *Config) encode(num func(int64), str func(string), flag func(bool)) {
	if c == nil {
		num(-1)
		return
	}
	num(c.Version)
	num(c.Term)
	str(string(c.Doc))
	num(int64(len(c.Members)))
	for _, m := range c.Members {
		num(int64(m.ID))
		str(m.Host)
		flag(m.ArbiterOnly)
		flag(m.Hidden)
		num(int64(math.Float64bits(m.Priority))) //nolint:gosec // the bits, not the number
		num(int64(m.Votes))
	}
}

func (d *documents) encode(num func(int64), str func(string), flag func(bool)) {
	d.sharding.encode(num, str, flag)
	if d.payload != nil {
		num(int64(d.payload.Hash())) //nolint:gosec // the bits, not the number
	}
}

func (d *ShardingData) encode(num func(int64), str func(string), flag func(bool)) {
	num(int64(d.CacheConfigs))
	num(int64(d.MigratingShards))
	flag(d.HasConfig)
	num(d.ConfigVersion)
	num(int64(len(d.Versions)))
	for _, v := range d.Versions {
		str(v.ID)
		num(v.Version)
		num(v.PreviousVersion)
		str(v.MigrationStatus)
	}
}
