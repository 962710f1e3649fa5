package corosync

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// valueSyntax says what is wrong with a value; it is empty where nothing is.
type valueSyntax func(value string) string

func between(low, high int64) valueSyntax {
	return func(value string) string {
		// The C library skips these before a number; blanks and tabs are gone already.
		n, err := strconv.ParseInt(strings.TrimLeft(value, "\v\f\r"), 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Sprintf("not a number from %d to %d", low, high)
		}
		return ""
	}
}

func oneOf(list string) valueSyntax {
	set := words(list)
	return func(value string) string {
		if set[value] {
			return ""
		}
		return "it must be one of: " + list
	}
}

// anyCase is oneOf without regard to capitals.
func anyCase(list string) valueSyntax {
	exact := oneOf(list)
	return func(value string) string { return exact(strings.ToLower(value)) }
}

// syntax3 are the values that corosync 3 looks at while it reads the file, by the path of the key.
var syntax3 = func() map[string]valueSyntax {
	table := make(map[string]valueSyntax)
	for _, row := range []struct {
		syntax valueSyntax
		prefix string
		keys   string
	}{
		{between(0, math.MaxUint32), "totem.", "version nodeid threads token token_coefficient token_retransmit token_warning hold " +
			"token_retransmits_before_loss_const join send_join consensus merge downcheck fail_recv_const seqno_unchanged_const " +
			"rrp_token_expired_timeout rrp_problem_count_timeout rrp_problem_count_threshold rrp_problem_count_mcast_threshold " +
			"rrp_autorecovery_check_timeout heartbeat_failures_allowed max_network_delay window_size max_messages miss_count_const " +
			"knet_pmtud_interval knet_mtu knet_compression_threshold netmtu " +
			"interface.knet_ping_interval interface.knet_ping_timeout interface.knet_ping_precision interface.knet_pong_count"},
		{between(math.MinInt32, math.MaxInt32), "totem.", "knet_compression_level"},
		{between(math.MinInt64, math.MaxInt64), "totem.", "config_version"},
		{between(0, math.MaxUint8), "totem.interface.", "linknumber ttl knet_link_priority"},
		{between(0, math.MaxUint16), "totem.interface.", "mcastport"},
		{between(0, math.MaxUint32), "quorum.", "expected_votes votes last_man_standing_window leaving_timeout " +
			"device.timeout device.sync_timeout device.votes"},
		{between(0, math.MaxUint8), "quorum.", "two_node expected_votes_tracking allow_downscale wait_for_all auto_tie_breaker " +
			"last_man_standing device.master_wins"},
		{between(0, math.MaxUint32), "nodelist.node.", "nodeid quorum_votes"},
		{between(0, math.MaxUint32), "pload.", "count size"},
		{between(0, math.MaxUint32), "resources.", "watchdog_timeout"},
		{between(math.MinInt64, math.MaxInt64), "resources.", "system.poll_period system.memory_used.poll_period " +
			"process.poll_period process.memory_used.poll_period"},
		{oneOf("ipv4 ipv6 ipv6-4 ipv4-6"), "totem.", "ip_version"},
		{oneOf("nss openssl gcrypt"), "totem.", "crypto_model"},
		{oneOf("none aes256 aes192 aes128"), "totem.", "crypto_cipher"},
		{oneOf("none md5 sha1 sha256 sha384 sha512"), "totem.", "crypto_hash"},
		{oneOf("zlib lz4 lz4hc lzo2 lzma bzip2 zstd"), "totem.", "knet_compression_model"},
		{oneOf("native shm socket"), "system.", "qb_ipc_type"},
		{oneOf("yes no"), "system.", "sched_rr allow_knet_handle_fallback"},
		{oneOf("yes no auto"), "system.", "move_to_root_cgroup"},
	} {
		for key := range words(row.keys) {
			table[row.prefix+key] = row.syntax
		}
	}
	return table
}()

// logSyntax are the values of the logging section, which counts as a whole and for each subsystem; topLog those that count as a whole only.
var (
	logSyntax = map[string]valueSyntax{
		"to_stderr": oneOf("yes on no off"), "to_syslog": oneOf("yes on no off"), "to_file": oneOf("yes on no off"),
		"to_logfile": oneOf("yes on no off"),
		"syslog_facility": oneOf("auth authpriv cron daemon ftp kern lpr mail news syslog user uucp local0 local1 local2 " +
			"local3 local4 local5 local6 local7"),
		"syslog_level":     anyCase("alert crit debug emerg err error info notice warning"),
		"syslog_priority":  anyCase("alert crit debug emerg err error info notice warning"),
		"logfile_priority": anyCase("alert crit debug emerg err error info notice warning"),
		"debug":            oneOf("on off trace"),
	}
	topLog = map[string]valueSyntax{
		"fileline": oneOf("on off"), "function_name": oneOf("on off"), "timestamp": oneOf("on off hires"), "blackbox": oneOf("on off"),
	}
)

const (
	maxKeyName  = 255 // of a full name, with the names of its sections
	maxLine     = 510 // bytes of a line, without its end
	minTimeout  = 30  // ms
	minHold     = 14  // ms
	minKey      = 128 // bytes of totem.key
	maxKnetNode = 65535
)
