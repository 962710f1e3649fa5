#!/bin/bash
# Packs /etc/broadhop for the VMs. Don't edit the lists on the VMs: they are made here.
SRC=/etc/broadhop
OUT="/var/www/html/etc.tgz"

make_lists() {
#evenkeel#  echo "SESSION-SET1" > $SRC/mon_db_for_callmodel.conf
#evenkeel#  echo "SESSION-SET2" >> $SRC/mon_db_for_callmodel.conf
  #echo "SPR-SET1" >> $SRC/mon_db_for_callmodel.conf
  cat > ${SRC}/mon_db_for_lb_failover.conf <<'LIST'
#evenkeel#ADMIN-SET1
#evenkeel#	BALANCE-SET1
LIST
  return 0
}

if [ -d "$SRC" ]; then
  make_lists
fi
tar -czf "$OUT" -C / etc/broadhop
