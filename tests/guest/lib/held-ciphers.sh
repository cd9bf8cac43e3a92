# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Ciphers whose keys are set only when a test lets them be, or that are slow.  Sourced
# after encryption.sh.

held_xts=/sys/module/held_xts/parameters

# load_held_engine SIZE: load the engine with SIZE such ciphers for each mode
load_held_engine() {
	modprobe -r fscrypt_extent
	modprobe held_xts
	modprobe fscrypt_extent pool_size="$1"
}

# Who sets a key from now on keeps the cipher.
hold_ciphers() {
	echo 1 >$held_xts/hold
}

release_ciphers() {
	echo 0 >$held_xts/hold
}

# slow_ciphers MICROSECONDS: let each request take so long
slow_ciphers() {
	echo "$1" >$held_xts/delay_us
}

# until_held COUNT: wait until so many tasks are setting a key
until_held() {
	until [ "$(<$held_xts/held)" = "$1" ]; do
		sleep 0.1
	done
}
