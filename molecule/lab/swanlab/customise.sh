#!/bin/sh
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs once inside the new root file system; the arguments are the packages that a gateway can install offline.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# A repository of what roles install: the packages that apt has just fetched, with their dependencies.
mkdir -p /srv/apt
apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    grep -E '^[a-z0-9]' | cut -d: -f1 | sort -u >/tmp/closure
cd /var/cache/apt/archives
for deb in *.deb; do
    if grep -qxF "${deb%%_*}" /tmp/closure; then
        mv "$deb" /srv/apt/
    fi
done
cd /srv/apt
for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done >Packages
for package in "$@"; do
    grep -qxF "Package: $package" Packages || { echo "$package did not reach /srv/apt" >&2; exit 1; }
done
rm -f /etc/apt/sources.list.d/* /tmp/closure
echo 'deb [trusted=yes] file:/srv/apt ./' >/etc/apt/sources.list
apt-get clean
rm -rf /var/lib/apt/lists/*
apt-get update

# One host key for all nodes, known beforehand; root by key only.
rm -f /etc/ssh/ssh_host_*
install -m 0600 /root/ssh_host_ed25519_key /etc/ssh/
install -m 0644 /root/ssh_host_ed25519_key.pub /etc/ssh/
cat >/etc/ssh/sshd_config.d/lab.conf <<'END'
PermitRootLogin prohibit-password
PasswordAuthentication no
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
MaxStartups 100
MaxSessions 100
END
install -d -m 0700 /root/.ssh
install -m 0600 /root/id_ed25519.pub /root/.ssh/authorized_keys

# A fixed identity: an empty machine-id would make the first boot apply all presets anew.
echo 5ab1ab1e5ab1ab1e5ab1ab1e5ab1ab1e >/etc/machine-id
echo machine >/etc/hostname
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n' >/etc/hosts
: >/etc/fstab

# Only what disturbs is masked; everything else stays as Debian's packages set it.
systemctl mask systemd-networkd-wait-online.service systemd-networkd.service apt-daily.timer apt-daily-upgrade.timer \
    man-db.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer \
    podman.socket podman.service podman-restart.service podman-auto-update.timer podman-auto-update.service
systemctl disable keepalived.service

# The machine's own way out is the bridge that gateways are managed over; a gateway loses this unit when it is made.
cat >/etc/systemd/system/lab-uplink.service <<'END'
[Unit]
Description=Management bridge of the lab machine
DefaultDependencies=no
ConditionVirtualization=!container
After=sys-subsystem-net-devices-eth0.device
Wants=sys-subsystem-net-devices-eth0.device
Before=ssh.service network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link add mgmt type bridge stp_state 0 forward_delay 0
ExecStart=/sbin/ip link set eth0 master mgmt up
ExecStart=/sbin/ip address add 172.31.255.1/24 dev mgmt
ExecStart=/sbin/ip link set mgmt up

[Install]
WantedBy=multi-user.target
END
systemctl enable lab-uplink.service
rm -f /root/id_ed25519.pub /root/ssh_host_ed25519_key /root/ssh_host_ed25519_key.pub /root/customise.sh
