#!/usr/bin/env bash
# Start a Slurm of one node, this machine, without accounting, whose files lie in the folder $1.
# For tests, as root, in a container or a virtual machine: packages slurm-wlm and munge.
set -euo pipefail
mkdir -p "$1"/{state,spool,log} /etc/slurm
[ -e /etc/munge/munge.key ] || mungekey --create
mkdir -p /run/munge && chown munge: /run/munge
pgrep -x munged > /dev/null || runuser -u munge -- munged
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=vbd
SlurmctldHost=$(hostname -s)
SlurmUser=root
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/log/slurmctld.log
SlurmdLogFile=$1/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
NodeName=$(hostname -s) CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1100)}' /proc/meminfo)
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld
slurmd
for _ in $(seq 30); do
    sinfo --noheader --format=%T | grep --quiet idle && exit
    sleep 1
done
echo "no node came up: see $1/log" >&2
exit 1
