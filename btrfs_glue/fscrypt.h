/* SPDX-License-Identifier: GPL-2.0-only */

#ifndef BTRFS_FSCRYPT_H
#define BTRFS_FSCRYPT_H

#include <linux/fscrypt.h>
#include "btrfs_inode.h"

struct btrfs_fs_info;
struct btrfs_path;
struct btrfs_root;

extern const struct fscrypt_operations btrfs_fscrypt_operations;

/* Constant without CONFIG_FS_ENCRYPTION, so what it guards needs no stub then. */
#define btrfs_is_encrypted(inode) \
	(IS_ENABLED(CONFIG_FS_ENCRYPTION) && IS_ENCRYPTED(inode))

int btrfs_prepare_encryption(struct btrfs_fs_info *fs_info);
int btrfs_report_inode_context(const struct btrfs_inode *inode);
int btrfs_check_inode_context(struct btrfs_inode *inode, struct btrfs_path *path);
int btrfs_resolve_nokey_name(struct btrfs_inode *dir, const struct dentry *dentry,
			     struct fscrypt_name *fname);
int btrfs_emit_encrypted(const struct inode *dir, struct dir_context *ctx,
			 const char *name, int len, u64 ino, unsigned int type);
bool btrfs_is_permitted_child(struct inode *dir, struct inode *inode);
int btrfs_check_snapshot_policy(struct inode *dir, struct btrfs_root *source);
bool btrfs_can_share_extents(struct inode *inode1, struct inode *inode2);

#ifdef CONFIG_FS_ENCRYPTION
int btrfs_name_to_user(const struct inode *dir, char *name, int len);
int btrfs_check_dir_of_names(const struct inode *inode);
struct inode *btrfs_iget_encrypted(struct btrfs_root *root, u64 ino, u64 flags, u32 nlink);
int btrfs_ref_name_to_user(struct btrfs_root *root, u64 dirid, char *name, int len,
			   bool cached);
int btrfs_fscrypt_ioctl(struct file *file, unsigned int cmd, void __user *arg);
#else
static inline int btrfs_name_to_user(const struct inode *dir, char *name, int len)
{
	return -EOPNOTSUPP;
}

static inline int btrfs_check_dir_of_names(const struct inode *inode)
{
	return -EOPNOTSUPP;
}

static inline struct inode *btrfs_iget_encrypted(struct btrfs_root *root, u64 ino,
						 u64 flags, u32 nlink)
{
	return NULL;
}

static inline int btrfs_ref_name_to_user(struct btrfs_root *root, u64 dirid, char *name,
					 int len, bool cached)
{
	return len;
}

static inline int btrfs_fscrypt_ioctl(struct file *file, unsigned int cmd,
				      void __user *arg)
{
	return -ENOTTY;
}
#endif

/*
 * Set up the on-disk name of an existing entry of @dir that is to be deleted,
 * with or without the key.  Not within a transaction.
 */
static inline int btrfs_setup_existing_name(struct btrfs_inode *dir,
					    const struct dentry *dentry,
					    struct fscrypt_name *fname)
{
	int ret = fscrypt_setup_filename(&dir->vfs_inode, &dentry->d_name, 1, fname);

	if (!ret && btrfs_is_encrypted(&dir->vfs_inode))
		ret = btrfs_resolve_nokey_name(dir, dentry, fname);
	return ret;
}

/* Return: 0, 1 if the buffer of @ctx is full, or -errno. */
static inline int btrfs_dir_emit(const struct inode *dir, struct dir_context *ctx,
				 const char *name, int len, u64 ino,
				 unsigned int type)
{
	if (btrfs_is_encrypted(dir))
		return btrfs_emit_encrypted(dir, ctx, name, len, ino, type);
	return !dir_emit(ctx, name, len, ino, type);
}

#endif
