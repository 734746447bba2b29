# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What hosts and routers on the downstream link, or who plays them, may say in IGMP and MLD: faultlink.py
# beside FRR, to the appliance's MAC alone. In a lab of its own, where both are on; the streams are IPv4's.

topic_lab() {
	export LAB_V6=1 LAB_IGMP="enabled = true;" LAB_MLD="enabled = true;" LAB_PIM="dr_priority = 10;"
	lab_channels() {
		local i
		for ((i = 0; i < LAB_SOURCES; i++)); do
			echo "$(lab_source "$i") $(lab_group "$i")"
		done
	}
}

membership_channels() { lab_inlet show channels --json | jq --argjson n "$FAULTS_SOURCES" 'length - $n'; }
membership_channels_are() { [ "$(membership_channels)" -eq "$1" ]; }
link_local() { lab_in inlet ip -6 -j addr show dev lan scope link | jq -r 'map(.addr_info[]?.local | select(.)) | first'; }

# Each is counted, and joins nothing.
disbelieved() { # disbelieved igmp|mld REASON
	local before
	counter "$1.$2"
	# The kernels of the link report groups of their own now and then: 224.0.0.13, ff02::1:ff00:0/104.
	also igmp.NOT_SSM mld.NOT_SSM
	before=$(count_of "$1.$2")
	must "it is sent" lab_in frr python3 "$LAB_TOP/test/lab/faultlink.py" "$1" xup0 \
		"$(lab_in inlet cat /sys/class/net/dn0/address)" "$2" "$([ "$1" = igmp ] || link_local)"
	must "the counter moves" lab_wait 10 count_over "$1.$2" "$before"
	must "no channel comes of it" lab_wait 6 membership_channels_are 0
}

row igmp_ip quick "IGMP: a wrong IP header checksum, and a fragment"
fault_igmp_ip() { disbelieved igmp IP; }
row igmp_checksum slow "IGMP: a wrong checksum"
fault_igmp_checksum() { disbelieved igmp CHECKSUM; }
row igmp_length quick "IGMP: reports and queries that are cut, or count too much"
fault_igmp_length() { disbelieved igmp LENGTH; }
row igmp_type slow "IGMP: an unknown type"
fault_igmp_type() { disbelieved igmp TYPE; }
row igmp_ttl slow "IGMP: TTL 2"
fault_igmp_ttl() { disbelieved igmp TTL; }
row igmp_router_alert slow "IGMP: no Router Alert option"
fault_igmp_router_alert() { disbelieved igmp ROUTER_ALERT; }
row igmp_off_link slow "IGMP: a host of another network, and a query from 0.0.0.0"
fault_igmp_off_link() { disbelieved igmp SOURCE_ADDRESS; }
row igmp_own slow "IGMP: our own address"
fault_igmp_own() { disbelieved igmp OWN; }
row igmp_destination slow "IGMP: a report to another group than 224.0.0.22"
fault_igmp_destination() { disbelieved igmp DESTINATION; }
row igmp_querier slow "IGMP: queries of a router that is not the querier"
fault_igmp_querier() { disbelieved igmp LOST_ELECTION; }
row igmp_old_report slow "IGMP: reports of versions 1 and 2 for an SSM group"
fault_igmp_old_report() { disbelieved igmp OLD_REPORT; }
row igmp_old_leave slow "IGMP: a leave of version 2"
fault_igmp_old_leave() { disbelieved igmp OLD_LEAVE; }
row igmp_old_query quick "IGMP: a query of version 2"
fault_igmp_old_query() { disbelieved igmp OLD_QUERY; }
row igmp_record slow "IGMP: a record of no known type"
fault_igmp_record() { disbelieved igmp RECORD_TYPE; }
row igmp_exclude slow "IGMP: a record of EXCLUDE mode"
fault_igmp_exclude() { disbelieved igmp EXCLUDE; }
row igmp_source slow "IGMP: a source that is no unicast address"
fault_igmp_source() { disbelieved igmp CHANNEL_SOURCE; }

row mld_checksum slow "MLD: a wrong checksum"
fault_mld_checksum() { disbelieved mld CHECKSUM; }
row mld_length quick "MLD: reports and queries that are cut, or count too much"
fault_mld_length() { disbelieved mld LENGTH; }
row mld_hop_limit slow "MLD: hop limit 2"
fault_mld_hop_limit() { disbelieved mld TTL; }
row mld_router_alert slow "MLD: no Router Alert option"
fault_mld_router_alert() { disbelieved mld ROUTER_ALERT; }
row mld_source_address quick "MLD: from a global address, and a query from ::"
fault_mld_source_address() { disbelieved mld SOURCE_ADDRESS; }
row mld_own slow "MLD: our own address"
fault_mld_own() { disbelieved mld OWN; }
row mld_destination slow "MLD: a report to another group than ff02::16"
fault_mld_destination() { disbelieved mld DESTINATION; }
row mld_querier slow "MLD: queries of a router that is not the querier"
fault_mld_querier() { disbelieved mld LOST_ELECTION; }
row mld_old_report slow "MLD: a report of version 1 for an SSM group"
fault_mld_old_report() { disbelieved mld OLD_REPORT; }
row mld_old_leave slow "MLD: a Done of version 1"
fault_mld_old_leave() { disbelieved mld OLD_LEAVE; }
row mld_old_query slow "MLD: a query of version 1"
fault_mld_old_query() { disbelieved mld OLD_QUERY; }
row mld_record slow "MLD: a record of no known type"
fault_mld_record() { disbelieved mld RECORD_TYPE; }
row mld_exclude slow "MLD: a record of EXCLUDE mode"
fault_mld_exclude() { disbelieved mld EXCLUDE; }
row mld_source slow "MLD: a source that is no unicast address"
fault_mld_source() { disbelieved mld CHANNEL_SOURCE; }
