SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.annotations (
    project character varying NOT NULL,
    annotation bigint NOT NULL,
    task bigint,
    choices json NOT NULL,
    cancelled boolean NOT NULL,
    annotator bigint,
    updated_at double precision NOT NULL
);
CREATE TABLE public.deployments (
    id integer NOT NULL,
    project character varying NOT NULL,
    version character varying,
    models json NOT NULL,
    ensemble boolean NOT NULL,
    is_rollback boolean NOT NULL,
    effective_at double precision NOT NULL,
    changed_by character varying NOT NULL,
    reason character varying NOT NULL
);
CREATE SEQUENCE public.deployments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deployments_id_seq OWNED BY public.deployments.id;
CREATE TABLE public.jobs (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    stage character varying NOT NULL,
    progress double precision NOT NULL,
    annotations integer NOT NULL,
    created_at double precision NOT NULL,
    started_at double precision,
    ended_at double precision,
    version character varying,
    reasons json NOT NULL,
    metrics json NOT NULL,
    host character varying,
    pid integer,
    seen_at double precision
);
CREATE TABLE public.projects (
    project character varying NOT NULL,
    label_config character varying NOT NULL,
    updated_at double precision NOT NULL
);
CREATE TABLE public.tasks (
    project character varying NOT NULL,
    task bigint NOT NULL,
    data json NOT NULL,
    updated_at double precision NOT NULL
);
ALTER TABLE ONLY public.deployments ALTER COLUMN id SET DEFAULT nextval('public.deployments_id_seq'::regclass);
INSERT INTO public.annotations VALUES ('7.1795453317', 1001, 1, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1002, 2, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1003, 3, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1004, 4, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1005, 5, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1006, 6, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1007, 7, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1008, 8, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1009, 9, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1010, 10, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1011, 11, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1012, 12, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1013, 13, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1014, 14, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1015, 15, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1016, 16, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1017, 17, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1018, 18, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1019, 19, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1020, 20, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1021, 21, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1022, 22, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1023, 23, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1024, 24, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1025, 25, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1026, 26, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1027, 27, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1028, 28, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1029, 29, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1030, 30, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1031, 31, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1032, 32, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1033, 33, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1034, 34, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1035, 35, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1036, 36, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1037, 37, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1038, 38, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1039, 39, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1040, 40, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1041, 41, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1042, 42, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1043, 43, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1044, 44, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1045, 45, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1046, 46, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1047, 47, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1048, 48, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1049, 49, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1050, 50, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1051, 51, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1052, 52, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1053, 53, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1054, 54, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1055, 55, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1056, 56, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1057, 57, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1058, 58, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1059, 59, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1060, 60, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1061, 61, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1062, 62, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1063, 63, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1064, 64, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1065, 65, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1066, 66, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1067, 67, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1068, 68, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1069, 69, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1070, 70, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1071, 71, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1072, 72, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1073, 73, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1074, 74, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1075, 75, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1076, 76, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1077, 77, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1078, 78, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1079, 79, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1080, 80, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1081, 81, '{}', true, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1082, 82, '{"verdict": ["Complaint"]}', false, 1, 1795453377.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1083, NULL, '{}', true, NULL, 1e+18);
INSERT INTO public.annotations VALUES ('7.1795453317', 1084, 84, '{}', true, 1, 1e+18);
INSERT INTO public.annotations VALUES ('8.1795453317', 1101, 101, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1102, 102, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1103, 103, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1104, 104, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1105, 105, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1106, 106, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1107, 107, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1108, 108, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1109, 109, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1110, 110, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1111, 111, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1112, 112, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1113, 113, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1114, 114, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1115, 115, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1116, 116, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1117, 117, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1118, 118, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1119, 119, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1120, 120, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1121, 121, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1122, 122, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1123, 123, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1124, 124, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1125, 125, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1126, 126, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1127, 127, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1128, 128, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1129, 129, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1130, 130, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1131, 131, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1132, 132, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1133, 133, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1134, 134, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1135, 135, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1136, 136, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1137, 137, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1138, 138, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1139, 139, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1140, 140, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1141, 141, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1142, 142, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1143, 143, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1144, 144, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1145, 145, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1146, 146, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1147, 147, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1148, 148, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1149, 149, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1150, 150, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1151, 151, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1152, 152, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1153, 153, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1154, 154, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1155, 155, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1156, 156, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1157, 157, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1158, 158, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1159, 159, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1160, 160, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1161, 161, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1162, 162, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1163, 163, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1164, 164, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1165, 165, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1166, 166, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1167, 167, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1168, 168, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1169, 169, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1170, 170, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1171, 171, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1172, 172, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1173, 173, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1174, 174, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1175, 175, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1176, 176, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1177, 177, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1178, 178, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1179, 179, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('8.1795453317', 1180, 180, '{"sentiment": ["Positive"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('9.1795453317', 1201, 201, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('9.1795453317', 1202, 202, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('9.1795453317', 1203, 203, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('10.1795453317', 1301, 301, '{"sentiment": ["Negative"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1085, 85, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1086, 86, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1087, 87, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1088, 88, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1089, 89, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1090, 90, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1091, 91, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1092, 92, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1093, 93, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1094, 94, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1095, 95, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1096, 96, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1097, 97, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1098, 98, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1099, 99, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1100, 100, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1101, 101, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1102, 102, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1103, 103, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1104, 104, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1105, 105, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1106, 106, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1107, 107, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1108, 108, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1109, 109, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1110, 110, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1111, 111, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1112, 112, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1113, 113, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1114, 114, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1115, 115, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1116, 116, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1117, 117, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1118, 118, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1119, 119, '{"verdict": ["Complaint"]}', false, 1, 1795453317.597054);
INSERT INTO public.annotations VALUES ('7.1795453317', 1120, 120, '{"verdict": ["Praise"]}', false, 1, 1795453317.597054);
INSERT INTO public.deployments VALUES (1, '7.1795453317', 'sentiment-cnn:1fa5af11766a340e', '[]', false, false, 1795656955.7614098, 'training', 'job b03d4159ca324a65a7e88ad8ded17375');
INSERT INTO public.deployments VALUES (2, '7.1795453317', 'sentiment-cnn:11dd04ea617d1c3d', '[]', false, false, 1795656992.4661968, 'training', 'job de8461fc2bcf4026bb1da5daef6b8965');
INSERT INTO public.deployments VALUES (3, '7.1795453317', 'sentiment-cnn:1fa5af11766a340e', '[]', false, true, 1795657135.4858456, 'rollback', 'back from sentiment-cnn:11dd04ea617d1c3d');
INSERT INTO public.deployments VALUES (4, '11.1795453317', NULL, '["active", "sentiment-cnn:1fa5af11766a340e"]', true, false, 1795657141.8012393, 'Label Studio', 'extra_params');
INSERT INTO public.jobs VALUES ('b03d4159ca324a65a7e88ad8ded17375', '7.1795453317', 'promoted', 'done', 1, 81, 1795656917.486474, 1795656917.8333936, 1795656954.7457263, 'sentiment-cnn:1fa5af11766a340e', '[]', '{"verdict": {"control": "verdict", "passed": true, "learned_from": 61, "held_out": 20, "checks": [{"name": "enough held-out examples", "passed": true, "reason": "20 annotated tasks are held out, with every label."}, {"name": "better than chance", "passed": true, "reason": "20 of 20 held-out tasks are right (kappa 1.00), where always to say Praise gets 11 (kappa 0): by chance alone p = 0.0005, and 0.02 is allowed."}, {"name": "not worse than the version in force", "passed": true, "reason": "Skipped: no version with these labels is in force."}, {"name": "calibration", "passed": true, "reason": "The expected calibration error is 0.014; perfect scores of as many tasks stay below 0.056, and 0.02 more is allowed."}, {"name": "every label predicted", "passed": true, "reason": "The held-out tasks are predicted as: Praise 11, Complaint 9."}, {"name": "behaviour", "passed": true, "reason": "Skipped: the labels are not the model''s own."}], "metrics": {"candidate": {"texts": 20, "accuracy": 1.0, "log_loss": 0.01380029059085965, "expected_calibration_error": 0.013612993002092733, "confusion": {"Praise": {"Praise": 11, "Complaint": 0}, "Complaint": {"Praise": 0, "Complaint": 9}}}}}}', 'annotation-server', 24557, 1795656954.5615826);
INSERT INTO public.jobs VALUES ('de8461fc2bcf4026bb1da5daef6b8965', '7.1795453317', 'promoted', 'done', 1, 117, 1795656956.4918187, 1795656959.9171379, 1795656991.4500446, 'sentiment-cnn:11dd04ea617d1c3d', '[]', '{"verdict": {"control": "verdict", "passed": true, "learned_from": 88, "held_out": 29, "checks": [{"name": "enough held-out examples", "passed": true, "reason": "29 annotated tasks are held out, with every label."}, {"name": "better than chance", "passed": true, "reason": "29 of 29 held-out tasks are right (kappa 1.00), where always to say Praise gets 15 (kappa 0): by chance alone p = 0.0005, and 0.02 is allowed."}, {"name": "not worse than the version in force", "passed": true, "reason": "Of 29 held-out tasks it gets 0 right that the version in force gets wrong, and 0 wrong that that one gets right (McNemar: p = 1)."}, {"name": "calibration", "passed": true, "reason": "The expected calibration error is 0.009; perfect scores of as many tasks stay below 0.036, and 0.02 more is allowed, or the 0.014 of the version in force."}, {"name": "every label predicted", "passed": true, "reason": "The held-out tasks are predicted as: Praise 15, Complaint 14."}, {"name": "behaviour", "passed": true, "reason": "Skipped: the labels are not the model''s own."}], "metrics": {"candidate": {"texts": 29, "accuracy": 1.0, "log_loss": 0.008893964911752799, "expected_calibration_error": 0.008844931074174722, "confusion": {"Praise": {"Praise": 15, "Complaint": 0}, "Complaint": {"Praise": 0, "Complaint": 14}}}, "in_force": {"texts": 29, "accuracy": 1.0, "log_loss": 0.013739126664356895, "expected_calibration_error": 0.013612993002092844, "confusion": {"Praise": {"Praise": 15, "Complaint": 0}, "Complaint": {"Praise": 0, "Complaint": 14}}}}}}', 'annotation-server', 24637, 1795656991.2979276);
INSERT INTO public.jobs VALUES ('3aedd399739946e2bb09425e60dedb84', '8.1795453317', 'refused', 'done', 1, 80, 1795656991.5701828, 1795656995.963312, 1795657027.2025275, 'sentiment-cnn:b1cbc7e6a969e858', '["\"sentiment\", behaviour: 165 of 282 plain opinions are understood, the version in force understands 165, and 90% are needed; it fails on praise, spelling, names."]', '{"sentiment": {"control": "sentiment", "passed": false, "learned_from": 62, "held_out": 18, "checks": [{"name": "enough held-out examples", "passed": true, "reason": "18 annotated tasks are held out, with every label."}, {"name": "better than chance", "passed": true, "reason": "18 of 18 held-out tasks are right (kappa 1.00), where always to say Negative gets 9 (kappa 0): by chance alone p = 0.0005, and 0.02 is allowed."}, {"name": "not worse than the version in force", "passed": true, "reason": "Of 18 held-out tasks it gets 0 right that the version in force gets wrong, and 0 wrong that that one gets right (McNemar: p = 1)."}, {"name": "calibration", "passed": true, "reason": "The expected calibration error is 0.008; perfect scores of as many tasks stay below 0.048, and 0.02 more is allowed, or the 0.018 of the version in force."}, {"name": "every label predicted", "passed": true, "reason": "The held-out tasks are predicted as: Negative 9, Positive 9."}, {"name": "behaviour", "passed": false, "reason": "165 of 282 plain opinions are understood, the version in force understands 165, and 90% are needed; it fails on praise, spelling, names."}], "metrics": {"candidate": {"texts": 18, "accuracy": 1.0, "log_loss": 0.0075933591171739, "expected_calibration_error": 0.007564602398564602, "confusion": {"Negative": {"Negative": 9, "Positive": 0}, "Positive": {"Negative": 0, "Positive": 9}}}, "in_force": {"texts": 18, "accuracy": 1.0, "log_loss": 0.01814992791780973, "expected_calibration_error": 0.017986209962091437, "confusion": {"Negative": {"Negative": 9, "Positive": 0}, "Positive": {"Negative": 0, "Positive": 9}}}}}}', 'annotation-server', 24819, 1795657026.9532588);
INSERT INTO public.jobs VALUES ('7dd3a4459fdf4de587ac8bbc850ea87b', '9.1795453317', 'too few annotations', 'taking the annotations', 0.1, 3, 1795657027.3797696, 1795657033.1482644, 1795657065.5563087, NULL, '["\"verdict\": 17 more annotations are needed, 4 of them Praise, 3 of them Complaint: there are 3, and training takes 20, with 5 of each label."]', '{}', 'annotation-server', 24893, 1795657065.4067812);
INSERT INTO public.jobs VALUES ('8da316dd0d08447689bf60e96ecaff04', '10.1795453317', 'failed', 'taking the annotations', 0.1, 1, 1795657065.7167487, 1795657071.275935, 1795657104.5999198, NULL, '["The labeling config has no Choices control on a text."]', '{}', 'annotation-server', 25208, 1795657104.4345322);
INSERT INTO public.jobs VALUES ('7e7bf358dcb14d07aa35f2b4de502256', '7.1795453317', 'killed', 'starting', 0, 117, 1795657110.5447187, 1795657111.1321723, 1795657111.37784, NULL, '["The process of the job has ended with status -9: see the log."]', '{}', 'annotation-server', 24352, 1795657111.1321723);
INSERT INTO public.jobs VALUES ('282c78860c7740fd84ba41b313bb7a54', '7.1795453317', 'running', 'starting', 0, 117, 1795657140.8222084, 1795657140.9152663, NULL, NULL, '[]', '{}', 'annotation-server', 24352, 1795657140.9152663);
INSERT INTO public.jobs VALUES ('ad52d72457654a4d98c4a0b2e6931bdf', '8.1795453317', 'queued', 'waiting', 0, 80, 1795657140.8598247, NULL, NULL, NULL, '[]', '{}', NULL, NULL, NULL);
INSERT INTO public.projects VALUES ('7.1795453317', '<View><Text name="text" value="$review"/><Choices name="verdict" toName="text"><Choice value="Praise"/><Choice value="Complaint"/></Choices></View>', 1795453317.597054);
INSERT INTO public.projects VALUES ('8.1795453317', '<View><Text name="text" value="$review"/><Choices name="sentiment" toName="text"><Choice value="Positive"/><Choice value="Negative"/></Choices></View>', 1795453317.597054);
INSERT INTO public.projects VALUES ('9.1795453317', '<View><Text name="text" value="$review"/><Choices name="verdict" toName="text"><Choice value="Praise"/><Choice value="Complaint"/></Choices></View>', 1795453317.597054);
INSERT INTO public.projects VALUES ('10.1795453317', '<View><Text name="text" value="$review"/><TextArea name="note" toName="text"/></View>', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 1, '{"review": "The music was dull, number 1."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 2, '{"review": "The ending was lovely, number 2."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 3, '{"review": "The cast was cold, number 3."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 4, '{"review": "The pace was warm, number 4."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 5, '{"review": "The camera was loud, number 5."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 6, '{"review": "The sound was good, number 6."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 7, '{"review": "The script was dull, number 7."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 8, '{"review": "The hero was lovely, number 8."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 9, '{"review": "The joke was cold, number 9."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 10, '{"review": "The plot was warm, number 10."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 11, '{"review": "The music was loud, number 11."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 12, '{"review": "The ending was good, number 12."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 13, '{"review": "The cast was dull, number 13."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 14, '{"review": "The pace was lovely, number 14."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 15, '{"review": "The camera was cold, number 15."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 16, '{"review": "The sound was warm, number 16."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 17, '{"review": "The script was loud, number 17."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 18, '{"review": "The hero was good, number 18."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 19, '{"review": "The joke was dull, number 19."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 20, '{"review": "The plot was lovely, number 20."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 21, '{"review": "The music was cold, number 21."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 22, '{"review": "The ending was warm, number 22."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 23, '{"review": "The cast was loud, number 23."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 24, '{"review": "The pace was good, number 24."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 25, '{"review": "The camera was dull, number 25."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 26, '{"review": "The sound was lovely, number 26."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 27, '{"review": "The script was cold, number 27."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 28, '{"review": "The hero was warm, number 28."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 29, '{"review": "The joke was loud, number 29."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 30, '{"review": "The plot was good, number 30."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 31, '{"review": "The music was dull, number 31."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 32, '{"review": "The ending was lovely, number 32."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 33, '{"review": "The cast was cold, number 33."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 34, '{"review": "The pace was warm, number 34."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 35, '{"review": "The camera was loud, number 35."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 36, '{"review": "The sound was good, number 36."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 37, '{"review": "The script was dull, number 37."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 38, '{"review": "The hero was lovely, number 38."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 39, '{"review": "The joke was cold, number 39."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 40, '{"review": "The plot was warm, number 40."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 41, '{"review": "The music was loud, number 41."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 42, '{"review": "The ending was good, number 42."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 43, '{"review": "The cast was dull, number 43."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 44, '{"review": "The pace was lovely, number 44."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 45, '{"review": "The camera was cold, number 45."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 46, '{"review": "The sound was warm, number 46."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 47, '{"review": "The script was loud, number 47."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 48, '{"review": "The hero was good, number 48."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 49, '{"review": "The joke was dull, number 49."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 50, '{"review": "The plot was lovely, number 50."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 51, '{"review": "The music was cold, number 51."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 52, '{"review": "The ending was warm, number 52."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 53, '{"review": "The cast was loud, number 53."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 54, '{"review": "The pace was good, number 54."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 55, '{"review": "The camera was dull, number 55."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 56, '{"review": "The sound was lovely, number 56."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 57, '{"review": "The script was cold, number 57."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 58, '{"review": "The hero was warm, number 58."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 59, '{"review": "The joke was loud, number 59."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 60, '{"review": "The plot was good, number 60."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 61, '{"review": "The music was dull, number 61."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 62, '{"review": "The ending was lovely, number 62."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 63, '{"review": "The cast was cold, number 63."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 64, '{"review": "The pace was warm, number 64."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 65, '{"review": "The camera was loud, number 65."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 66, '{"review": "The sound was good, number 66."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 67, '{"review": "The script was dull, number 67."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 68, '{"review": "The hero was lovely, number 68."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 69, '{"review": "The joke was cold, number 69."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 70, '{"review": "The plot was warm, number 70."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 71, '{"review": "The music was loud, number 71."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 72, '{"review": "The ending was good, number 72."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 73, '{"review": "The cast was dull, number 73."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 74, '{"review": "The pace was lovely, number 74."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 75, '{"review": "The camera was cold, number 75."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 76, '{"review": "The sound was warm, number 76."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 77, '{"review": "The script was loud, number 77."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 78, '{"review": "The hero was good, number 78."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 79, '{"review": "The joke was dull, number 79."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 80, '{"review": "The plot was lovely, number 80."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 81, '{"review": "The music was cold, number 81."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 82, '{"review": "The ending was weak, number 82."}', 1795453377.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 83, '{"review": "The cast was loud, number 83."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 84, '{}', 1e+18);
INSERT INTO public.tasks VALUES ('8.1795453317', 101, '{"review": "The music was loud, number 101."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 102, '{"review": "The ending was good, number 102."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 103, '{"review": "The cast was dull, number 103."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 104, '{"review": "The pace was lovely, number 104."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 105, '{"review": "The camera was cold, number 105."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 106, '{"review": "The sound was warm, number 106."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 107, '{"review": "The script was loud, number 107."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 108, '{"review": "The hero was good, number 108."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 109, '{"review": "The joke was dull, number 109."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 110, '{"review": "The plot was lovely, number 110."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 111, '{"review": "The music was cold, number 111."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 112, '{"review": "The ending was warm, number 112."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 113, '{"review": "The cast was loud, number 113."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 114, '{"review": "The pace was good, number 114."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 115, '{"review": "The camera was dull, number 115."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 116, '{"review": "The sound was lovely, number 116."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 117, '{"review": "The script was cold, number 117."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 118, '{"review": "The hero was warm, number 118."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 119, '{"review": "The joke was loud, number 119."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 120, '{"review": "The plot was good, number 120."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 121, '{"review": "The music was dull, number 121."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 122, '{"review": "The ending was lovely, number 122."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 123, '{"review": "The cast was cold, number 123."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 124, '{"review": "The pace was warm, number 124."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 125, '{"review": "The camera was loud, number 125."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 126, '{"review": "The sound was good, number 126."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 127, '{"review": "The script was dull, number 127."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 128, '{"review": "The hero was lovely, number 128."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 129, '{"review": "The joke was cold, number 129."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 130, '{"review": "The plot was warm, number 130."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 131, '{"review": "The music was loud, number 131."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 132, '{"review": "The ending was good, number 132."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 133, '{"review": "The cast was dull, number 133."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 134, '{"review": "The pace was lovely, number 134."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 135, '{"review": "The camera was cold, number 135."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 136, '{"review": "The sound was warm, number 136."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 137, '{"review": "The script was loud, number 137."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 138, '{"review": "The hero was good, number 138."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 139, '{"review": "The joke was dull, number 139."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 140, '{"review": "The plot was lovely, number 140."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 141, '{"review": "The music was cold, number 141."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 142, '{"review": "The ending was warm, number 142."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 143, '{"review": "The cast was loud, number 143."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 144, '{"review": "The pace was good, number 144."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 145, '{"review": "The camera was dull, number 145."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 146, '{"review": "The sound was lovely, number 146."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 147, '{"review": "The script was cold, number 147."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 148, '{"review": "The hero was warm, number 148."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 149, '{"review": "The joke was loud, number 149."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 150, '{"review": "The plot was good, number 150."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 151, '{"review": "The music was dull, number 151."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 152, '{"review": "The ending was lovely, number 152."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 153, '{"review": "The cast was cold, number 153."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 154, '{"review": "The pace was warm, number 154."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 155, '{"review": "The camera was loud, number 155."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 156, '{"review": "The sound was good, number 156."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 157, '{"review": "The script was dull, number 157."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 158, '{"review": "The hero was lovely, number 158."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 159, '{"review": "The joke was cold, number 159."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 160, '{"review": "The plot was warm, number 160."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 161, '{"review": "The music was loud, number 161."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 162, '{"review": "The ending was good, number 162."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 163, '{"review": "The cast was dull, number 163."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 164, '{"review": "The pace was lovely, number 164."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 165, '{"review": "The camera was cold, number 165."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 166, '{"review": "The sound was warm, number 166."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 167, '{"review": "The script was loud, number 167."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 168, '{"review": "The hero was good, number 168."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 169, '{"review": "The joke was dull, number 169."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 170, '{"review": "The plot was lovely, number 170."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 171, '{"review": "The music was cold, number 171."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 172, '{"review": "The ending was warm, number 172."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 173, '{"review": "The cast was loud, number 173."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 174, '{"review": "The pace was good, number 174."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 175, '{"review": "The camera was dull, number 175."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 176, '{"review": "The sound was lovely, number 176."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 177, '{"review": "The script was cold, number 177."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 178, '{"review": "The hero was warm, number 178."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 179, '{"review": "The joke was loud, number 179."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('8.1795453317', 180, '{"review": "The plot was good, number 180."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('9.1795453317', 201, '{"review": "The music was cold, number 201."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('9.1795453317', 202, '{"review": "The ending was warm, number 202."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('9.1795453317', 203, '{"review": "The cast was loud, number 203."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('10.1795453317', 301, '{"review": "The music was dull, number 301."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 85, '{"review": "The camera was dull, number 85."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 86, '{"review": "The sound was lovely, number 86."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 87, '{"review": "The script was cold, number 87."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 88, '{"review": "The hero was warm, number 88."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 89, '{"review": "The joke was loud, number 89."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 90, '{"review": "The plot was good, number 90."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 91, '{"review": "The music was dull, number 91."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 92, '{"review": "The ending was lovely, number 92."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 93, '{"review": "The cast was cold, number 93."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 94, '{"review": "The pace was warm, number 94."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 95, '{"review": "The camera was loud, number 95."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 96, '{"review": "The sound was good, number 96."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 97, '{"review": "The script was dull, number 97."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 98, '{"review": "The hero was lovely, number 98."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 99, '{"review": "The joke was cold, number 99."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 100, '{"review": "The plot was warm, number 100."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 101, '{"review": "The music was loud, number 101."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 102, '{"review": "The ending was good, number 102."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 103, '{"review": "The cast was dull, number 103."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 104, '{"review": "The pace was lovely, number 104."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 105, '{"review": "The camera was cold, number 105."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 106, '{"review": "The sound was warm, number 106."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 107, '{"review": "The script was loud, number 107."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 108, '{"review": "The hero was good, number 108."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 109, '{"review": "The joke was dull, number 109."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 110, '{"review": "The plot was lovely, number 110."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 111, '{"review": "The music was cold, number 111."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 112, '{"review": "The ending was warm, number 112."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 113, '{"review": "The cast was loud, number 113."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 114, '{"review": "The pace was good, number 114."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 115, '{"review": "The camera was dull, number 115."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 116, '{"review": "The sound was lovely, number 116."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 117, '{"review": "The script was cold, number 117."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 118, '{"review": "The hero was warm, number 118."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 119, '{"review": "The joke was loud, number 119."}', 1795453317.597054);
INSERT INTO public.tasks VALUES ('7.1795453317', 120, '{"review": "The plot was good, number 120."}', 1795453317.597054);
SELECT pg_catalog.setval('public.deployments_id_seq', 4, true);
ALTER TABLE ONLY public.annotations
    ADD CONSTRAINT annotations_pkey PRIMARY KEY (project, annotation);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (project);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (project, task);
CREATE INDEX annotations_of_task ON public.annotations USING btree (project, task);
CREATE INDEX ix_deployments_project ON public.deployments USING btree (project);
CREATE UNIQUE INDEX one_open_job_per_project ON public.jobs USING btree (project) WHERE ((state)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying])::text[]));
