package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/evenkeel-ha/evenkeel/internal/op"
	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/mongo"
	"github.com/evenkeel-ha/evenkeel/mongo/internal/document"
)

// ReadSharding gives the state of the set's database sharding, from its primary. It changes nothing.
func (r *ReplicaSet) ReadSharding(ctx context.Context, f mongo.ShardingFix) (mongo.ShardingState, error) {
	return r.readSharding(ctx, f, "local")
}

// readSharding is ReadSharding at a read concern: "local" is what the primary has, "majority" what no failover undoes.
func (r *ReplicaSet) readSharding(ctx context.Context, f mongo.ShardingFix, level string) (mongo.ShardingState, error) {
	host, err := r.shardingPrimary(ctx, f)
	if err != nil {
		return mongo.ShardingState{}, err
	}
	s := mongo.ShardingState{Set: r.name, Primary: host}
	all := func(coll string, filter bson.D) ([]bson.Raw, error) {
		return r.allOfSharding(ctx, host, coll, level, filter)
	}
	caches, err := all("cache_config", bson.D{{Key: "migratingShards", Value: bson.D{{Key: "$exists", Value: true}}}})
	if err != nil {
		return s, err
	}
	s.MigratingShards = int64(len(caches))
	if caches, err = all("cache_config", bson.D{}); err != nil {
		return s, err
	}
	s.CacheConfigs = int64(len(caches))
	configs, err := all("config", bson.D{{Key: "_id", Value: 1}})
	if err != nil {
		return s, err
	}
	if len(configs) > 0 {
		n, ok := document.Number(configs[0].Lookup("version"))
		if !ok {
			return s, fmt.Errorf("%s: the document with _id 1 in %s.config has no version", host, mongo.ShardingDatabase)
		}
		s.HasConfig, s.ConfigVersion = true, int64(n)
	}
	versions, err := all("versions", bson.D{})
	if err != nil {
		return s, err
	}
	s.Versions = []mongo.VersionsDoc{}
	for _, d := range versions {
		v, err := versionsDoc(d)
		if err != nil {
			return s, fmt.Errorf("%s: %w", host, err)
		}
		s.Versions = append(s.Versions, v)
	}
	slices.SortFunc(s.Versions, func(a, b mongo.VersionsDoc) int { return cmp.Compare(a.ID, b.ID) })
	return s, nil
}

func versionsDoc(d bson.Raw) (v mongo.VersionsDoc, err error) {
	id, ok := d.Lookup("_id").StringValueOK()
	if !ok {
		return v, fmt.Errorf("cannot read a document of %s.versions: its _id is no string", mongo.ShardingDatabase)
	}
	v.ID = id
	for name, into := range map[string]*int64{"version": &v.Version, "previousVersion": &v.PreviousVersion} {
		n, ok := document.Number(d.Lookup(name))
		if !ok && len(d.Lookup(name).Value) > 0 {
			return v, fmt.Errorf("cannot read the document %q of %s.versions: %s is no number", id, mongo.ShardingDatabase, name)
		}
		*into = int64(n)
	}
	v.MigrationStatus, _ = d.Lookup("migrationStatus").StringValueOK()
	return v, nil
}

// shardingPrimary is the primary of the right set.
func (r *ReplicaSet) shardingPrimary(ctx context.Context, f mongo.ShardingFix) (string, error) {
	if f.Set != "" && f.Set != r.name {
		return "", fmt.Errorf("the fix is for the set %s and this is %s", f.Set, r.name)
	}
	return r.Primary(ctx)
}

// manyDocuments is more than a CPS has in any of the three collections.
const manyDocuments = 1000

func (r *ReplicaSet) allOfSharding(ctx context.Context, host, coll, level string, filter bson.D) ([]bson.Raw, error) {
	docs, err := r.find(ctx, host, mongo.ShardingDatabase, bson.D{
		{Key: "find", Value: coll}, {Key: "filter", Value: filter}, {Key: "limit", Value: manyDocuments},
		{Key: "batchSize", Value: manyDocuments},
		{Key: "singleBatch", Value: true}, {Key: "readConcern", Value: bson.D{{Key: "level", Value: level}}},
	})
	if err == nil && len(docs) == manyDocuments {
		err = fmt.Errorf("%s: %s.%s holds %d documents or more: this is no CPS sharding configuration", host,
			mongo.ShardingDatabase, coll, manyDocuments)
	}
	return docs, err
}

// WriteSharding makes one write, on the primary: once, whatever the answer. When the error's outcome is [op.Unknown], ReadSharding and
// [mongo.ShardingStep.Probe] tell.
func (r *ReplicaSet) WriteSharding(ctx context.Context, f mongo.ShardingFix, s mongo.ShardingStep) error {
	host, err := r.shardingPrimary(ctx, f)
	if err != nil {
		return err
	}
	if s.Before.Set != r.name {
		return fmt.Errorf("the step was made for the set %s and this is %s", s.Before.Set, r.name)
	}
	var waiting error
	for _, cmd := range f.Commands(s) {
		_, err := r.runWithin(ctx, f.Majority+r.opt.CommandTimeout, host, mongo.ShardingDatabase, cmd)
		if HasCode(err, CodeWriteConcernFailed) { // done on the primary: the removal must not stay without its insertion
			waiting = err
		} else if err != nil {
			return err
		}
	}
	return waiting
}

// FixSharding makes the whole repair on one set, from wherever an earlier run has left it. Before is the state that the
// earlier run recorded, nil for the first run: it is read then, and given to record, which must have it on disk when it
// returns; nothing is written before. Every write is probed for first and looked at afterwards; one whose answer was
// lost is probed again and made again where it did not take effect, Options.Attempts times at most. With Majority it
// ends when a majority of the members has the writes, or in [ErrNotReplicated] after that time. Writes that a failover
// undoes meanwhile are made again, Options.Attempts times at most; then the error wraps [ErrRolledBack]. See
// [mongo.ShardingFix] for why the version counts up exactly once.
func (r *ReplicaSet) FixSharding(ctx context.Context, f mongo.ShardingFix, before *mongo.ShardingState,
	record func(mongo.ShardingState) error,
) error {
	if before == nil {
		s, err := r.ReadSharding(ctx, f)
		if err != nil {
			return err
		}
		if err := record(s); err != nil {
			return fmt.Errorf("replica set %s: nothing was written, since the state before could not be recorded: %w", r.name, err)
		}
		before = &s
	}
	steps := f.Steps(*before)
	for range r.opt.Attempts {
		for _, step := range steps {
			if err := r.applySharding(ctx, f, step); err != nil {
				return fmt.Errorf("replica set %s: %v (%s): %w", r.name, step.Op, step.Guide, err)
			}
		}
		if f.Majority <= 0 {
			return nil
		}
		if err := r.awaitMajority(ctx, f, steps); !errors.Is(err, ErrRolledBack) {
			return err
		}
		r.tell("a failover has undone the writes: they are made again")
	}
	return fmt.Errorf("replica set %s: %w, %d times", r.name, ErrRolledBack, r.opt.Attempts)
}

// What may become of writes before a majority has them.
var (
	ErrNotReplicated = errors.New("no majority of the members has the writes yet") // a failover may still undo them
	ErrRolledBack    = errors.New("a failover has undone the writes")
)

// awaitMajority waits until a majority of the voters has the writes, for f.Majority at most. It asks the status, since
// what a write concern says is lost with the answer, and a resumed run makes no write to ask by. Optimes alone prove
// nothing across a failover: they count in the term of the primary that was seen to have the writes, and in the end the
// state is read again, as a majority has it.
func (r *ReplicaSet) awaitMajority(ctx context.Context, f mongo.ShardingFix, steps []mongo.ShardingStep) error {
	var goal mongo.OpTime
	for left := f.Majority; ; left -= r.opt.Poll {
		now, err := r.shardingWithPrimary(ctx, f)
		if err != nil {
			return err
		}
		if done, err := made(steps, now); err != nil || !done {
			return cmp.Or(err, ErrRolledBack)
		}
		if left <= 0 {
			return fmt.Errorf("replica set %s: %w, after %s", r.name, ErrNotReplicated, printable.Duration(f.Majority))
		}
		votes, need, err := r.votesAt(ctx, &goal)
		why := fmt.Sprintf("members with %d votes have the writes, and %d are needed", votes, need)
		if err == nil && votes >= need {
			if now, err = r.readSharding(ctx, f, "majority"); HasCode(err, CodeNoMajorityReads) {
				now, err = r.ReadSharding(ctx, f)
			}
			if err == nil {
				if done, err := made(steps, now); done || err != nil {
					return err
				}
			}
			why = "the primary to see that a majority has the writes"
		}
		switch {
		case err != nil && (errors.Is(err, ErrNoPrimary) || transient(err)):
			why = "a primary: " + err.Error()
		case err != nil:
			return err
		}
		if err := r.pause(ctx, why); err != nil {
			return err
		}
	}
}

// made tells whether every step has taken effect.
func made(steps []mongo.ShardingStep, now mongo.ShardingState) (bool, error) {
	for _, step := range steps {
		if done, err := step.Probe(now); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// votesAt is how many votes have what the primary had when goal was set, and how many are a majority. Of a primary of
// another term goal is set anew.
func (r *ReplicaSet) votesAt(ctx context.Context, goal *mongo.OpTime) (votes, need int, err error) {
	c, err := r.configWithPrimary(ctx)
	if err != nil {
		return 0, 0, err
	}
	s, err := r.Status(ctx)
	if err != nil {
		return 0, 0, err
	}
	if p, ok := s.Primary(); ok && (goal.TS.T == 0 || p.Optime.Term != goal.Term) {
		*goal = p.Optime
	}
	for _, m := range c.Members {
		st, _ := s.Member(m.Host) // one that the status does not have is not healthy
		if st.Healthy() && st.State.HoldsData() && st.Optime.Term == goal.Term && !st.Optime.Before(*goal) {
			votes += m.Votes
		}
	}
	return votes, c.Majority(), nil
}

func (r *ReplicaSet) applySharding(ctx context.Context, f mongo.ShardingFix, step mongo.ShardingStep) error {
	var last error
	for range r.opt.Attempts + 1 { // the last look is no attempt
		now, err := r.shardingWithPrimary(ctx, f)
		if err != nil {
			return errors.Join(err, last)
		}
		done, err := step.Probe(now)
		if done || err != nil {
			return err
		}
		r.tell("%v (%s)", step.Op, step.Guide)
		last = r.WriteSharding(ctx, mongo.ShardingFix{Set: f.Set}, step) // without a majority: that is awaited in the end, once
		var refused *CommandError
		switch {
		case last == nil, errors.Is(last, ErrNoPrimary), transient(last): // the probe tells
		case errors.As(last, &refused) && refused.Outcome == op.Exited && refused.Code == CodeDuplicateKey: // another run was faster
		default:
			return last
		}
	}
	if last == nil {
		last = errors.New("it was made and is not there")
	}
	return fmt.Errorf("gave up after %d attempts: %w", r.opt.Attempts, last)
}

// shardingWithPrimary is ReadSharding, waiting for a primary if need be.
func (r *ReplicaSet) shardingWithPrimary(ctx context.Context, f mongo.ShardingFix) (s mongo.ShardingState, err error) {
	err = r.until(ctx, func() (bool, string, error) {
		s, err = r.ReadSharding(ctx, f)
		switch {
		case err == nil:
			return true, "", nil
		case errors.Is(err, ErrNoPrimary) || transient(err):
			return false, "a primary: " + err.Error(), nil
		}
		return false, "", err
	})
	return s, err
}
