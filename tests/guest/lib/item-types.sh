# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Item types, BTRFS_*_KEY.  Sourced.
#
# shellcheck disable=SC2034 # what is set here is for the tests
INODE_ITEM=1
INODE_REF=12
INODE_EXTREF=13
FSCRYPT_INODE_CTX=41
DIR_ITEM=84
DIR_INDEX=96
EXTENT_DATA=108
ROOT_BACKREF=144
ROOT_REF=156
