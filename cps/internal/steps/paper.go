package steps

// PaperFunctions turn what the programs print into lines that can be compared.
const PaperFunctions = `# replicas: SET HOST PORT STATE HEALTH PRIORITY of every member, of diagnostics.sh --get_replica_status
replicas() {
  awk '/^\| *[A-Za-z_]+:[A-Za-z0-9_-]+ *\|/ { set = $0; gsub(/[| ]/, "", set); next }
    /Member-[0-9]+ / { gsub(/\|/, ""); gsub(/^ +| +$/, ""); split($0, f, / +- +/); split(f[2], p, / *: */); print set, f[4], p[1], f[3], f[5], f[7] }' | LC_ALL=C sort
}
# members: who is at work, of the same
members() {
  replicas | awk '{ well = $5 == "ON-LINE" && ($4 == "PRIMARY" || $4 == "SECONDARY" || $4 == "ARBITER"); sets[$1]++; if (well && $4 == "PRIMARY") primary[$1] = 1
      print $1, $2, well ? "is at work" : "is NOT at work: " $4 " " $5 }
    END { for (s in sets) print s, (s in primary) ? "has a primary" : "has NO primary" }' | LC_ALL=C sort
}
# asked MONGO HOST:PORT...: what these members say of every member of their replica sets, as lines
# SET HOST:PORT VOTES PRIORITY STATE TIME, where TIME is that of its newest write, in seconds
asked() {
  local at; for at in "${@:2}"; do
    "$1" --quiet "$at" --eval 'var s = rs.status(); rs.conf().members.forEach(function (m) {
      var t = s.members.filter(function (x) { return x.name === m.host && x.health })[0] || {stateStr: "DOWN"};
      print(s.set, m.host, m.votes, m.priority, t.stateStr, t.optimeDate ? Math.floor(t.optimeDate / 1000) : 0) })' ||
      echo "NOT known: $at"
  done
}
# left HOST...: what each replica set keeps without these hosts, of the same
left() {
  awk -v list="$*" 'BEGIN { k = split(list, h, " "); for (i = 1; i <= k; i++) gone[h[i]] = 1 }
    NF != 6 { print; next }
    { sets[$1]; all[$1] += $3; data = $5 == "PRIMARY" || $5 == "SECONDARY"; split($2, a, ":") }
    data && $6 > head[$1] { head[$1] = $6 }
    a[1] in gone { next }
    data { n++; set[n] = $1; at[n] = $6; if ($3 * $4 > 0) able[$1]++ }
    data || $5 == "ARBITER" { votes[$1] += $3 }
    END { for (i = 1; i <= n; i++) if (head[set[i]] - at[i] <= 60) copies[set[i]]++
      for (s in sets) { print s, (copies[s] ? "keeps" : "LOSES"), "its data"
        print s, "keeps", (2 * votes[s] > all[s] && able[s] ? "a" : "NO"), "majority" } }' | LC_ALL=C sort
}
# ranks: the data members of every set by their priority, the highest first, of the same
ranks() { replicas | awk '$4 != "ARBITER"' | LC_ALL=C sort -k1,1 -k6,6nr -k2,2 | awk '{ print $1, $2 }'; }
# releases: the installer and every VM, of about.sh
releases() {
  awk '/Installer Version/ { print "installer", $NF } /^[A-Za-z0-9-]+: / && /[0-9]\.release/ { h = $1; sub(/:$/, "", h); v = $NF; sub(/\.release.*/, "", v); print h, v } /[Pp]atch/ { print "PATCH:", $0 }' | LC_ALL=C sort -u
}
# traffic N LB...: whether an endpoint of these load balancers is up, with N endpoints each, or still has sessions, of
# diagnostics.sh --ha_proxy
traffic() {
  awk -v n="$1" -v list="${*:2}" 'BEGIN { k = split(list, lb, " ") } /HAProxy/ { seen = 1 }
    $1 ~ /^diameter/ { mine = 0; if ($2 != "UP") for (i = 1; i <= k; i++) if (index($1 "-", "-" lb[i] "-")) { down[lb[i]]++; mine = 1 } }
    mine && /Sessions \(current/ { split($0, f, /: */); left += f[2] + 0 }
    END { if (!seen) { print "NOT known"; exit } for (i = 1; i <= k; i++) if (down[lb[i]] + 0 < n) { print "an endpoint is up"; exit }
      print left ? "NOT drained, sessions: " left : "NO endpoint is up" }'
}
` + Verdicts + `
# running PROGRAM...: whether one of these runs, of ps -ef
running() {
  awk -v list="$*" 'BEGIN { k = split(list, p, " ") } NR == 1 { seen = /PID/ } { for (i = 1; i <= k; i++) if (index($0 " ", p[i] " ") && !/awk /) { print "still running:", $0; any = 1 } }
    END { if (!seen) print "NOT known"; else if (!any) print "none of them runs" }'
}
# verdict: the log of migrate.sh, and whether it came to its end
verdict() {
  awk '{ print } /SUCCESS/ { good = 1 } /ERROR|CRITICAL|Traceback/ { bad = 1 } /[^ ]/ { last = $0 }
    END { print (good && !bad && last ~ /===== END =====/) ? "migrate.sh has succeeded" : "migrate.sh has NOT succeeded" }'
}`

// Verdicts is the function that reads a full diagnostics.sh.
const Verdicts = `# verdicts: each line of a full diagnostics.sh that is not understood, and [PASS] for all checks that passed
verdicts() {
  awk '/^\|/ || /^-*$/ || /^CPS Diagnostics [A-Za-z -]*$/ || /^Checking replica sets\.\.\.$/ { next }
    /^[^[]*\.\.\.$/ { if (open) print open; open = $0; next }
    /^[^[]*\[PASS\]$/ { $0 = "[PASS]"; open = "" } { print } END { if (open) print open }' | LC_ALL=C sort -u
}`
