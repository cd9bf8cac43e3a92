/* SPDX-License-Identifier: GPL-2.0-only */

#ifndef BTRFS_FSCRYPT_H
#define BTRFS_FSCRYPT_H

#include <linux/fs.h>
#include <linux/fscrypt.h>

struct btrfs_fs_info;
struct btrfs_inode;
struct btrfs_path;
struct btrfs_root;

#ifdef CONFIG_FS_ENCRYPTION

extern const struct fscrypt_operations btrfs_fscrypt_operations;

int btrfs_check_encryption_support(const struct btrfs_fs_info *fs_info);
int btrfs_check_inode_context(struct btrfs_inode *inode, struct btrfs_path *path);

int btrfs_resolve_nokey_name(struct btrfs_inode *dir, struct fscrypt_name *fname);
int btrfs_setup_existing_name(struct btrfs_inode *dir, const struct dentry *dentry,
			      struct fscrypt_name *fname);
int btrfs_name_to_user(const struct inode *dir, char *name, int len);
int btrfs_ref_name_to_user(struct btrfs_fs_info *fs_info, u64 root_id, u64 dirid,
			   char *name, int len);
int btrfs_dir_emit(const struct inode *dir, struct dir_context *ctx,
		   const char *name, int len, u64 ino, unsigned int type);

bool btrfs_is_permitted_child(struct inode *dir, struct inode *inode);
int btrfs_check_snapshot_policy(struct inode *dir, struct btrfs_root *source);
bool btrfs_can_share_extents(struct inode *inode1, struct inode *inode2);

int btrfs_fscrypt_ioctl(struct file *file, unsigned int cmd, void __user *arg);

#else

static inline int btrfs_check_encryption_support(const struct btrfs_fs_info *fs_info)
{
	return -EOPNOTSUPP;
}

static inline int btrfs_check_inode_context(struct btrfs_inode *inode,
					    struct btrfs_path *path)
{
	return 0;
}

static inline int btrfs_resolve_nokey_name(struct btrfs_inode *dir,
					   struct fscrypt_name *fname)
{
	return 0;
}

#define btrfs_setup_existing_name(dir, dentry, fname)	\
	fscrypt_setup_filename(&(dir)->vfs_inode, &(dentry)->d_name, 1, fname)

static inline int btrfs_name_to_user(const struct inode *dir, char *name, int len)
{
	return len;
}

static inline int btrfs_ref_name_to_user(struct btrfs_fs_info *fs_info, u64 root_id,
					 u64 dirid, char *name, int len)
{
	return len;
}

static inline int btrfs_dir_emit(const struct inode *dir, struct dir_context *ctx,
				 const char *name, int len, u64 ino,
				 unsigned int type)
{
	return !dir_emit(ctx, name, len, ino, type);
}

static inline bool btrfs_is_permitted_child(struct inode *dir, struct inode *inode)
{
	return true;
}

static inline int btrfs_check_snapshot_policy(struct inode *dir,
					      struct btrfs_root *source)
{
	return 0;
}

static inline bool btrfs_can_share_extents(struct inode *inode1, struct inode *inode2)
{
	return true;
}

static inline int btrfs_fscrypt_ioctl(struct file *file, unsigned int cmd,
				      void __user *arg)
{
	return -ENOTTY;
}

#endif

#endif
